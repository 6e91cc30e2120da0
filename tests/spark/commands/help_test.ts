import { deepStrictEqual, equal } from "node:assert/strict";
import type { Operands } from "../../../spark/commands/cli/command_line.ts";
import { helpOf } from "../../../spark/commands/cli/help.ts";
import { groupedOptions } from "../../../spark/commands/cli/option_groups.ts";
import { DETECT_OPTIONS } from "../../../spark/commands/detect_train/detect_options.ts";
import { FINETUNE_OPTIONS } from "../../../spark/commands/finetune/finetune_options.ts";
import { PRETRAIN_OPTIONS } from "../../../spark/commands/shared/pretrain_options.ts";

Deno.test("helpOf() puts the options of commands that have many under titles, each once, none beside them", () => {
  for (const options of [PRETRAIN_OPTIONS, FINETUNE_OPTIONS, DETECT_OPTIONS]) {
    const groups = groupedOptions([...Object.keys(options), "config"]);
    deepStrictEqual(groups.flatMap(([, names]) => names).sort(), [...Object.keys(options), "config"].sort());
    deepStrictEqual(groups[0]![1].at(-1), "inputSize"); // what no group has would stand behind it
    const lines = helpOf({ task: "try", purpose: "", options }).split("\n");
    deepStrictEqual(groups.map(([title]) => lines.filter((line) => line === `${title}:`).length), groups.map(() => 1));
  }
  deepStrictEqual(groupedOptions(["out", "data"]), [["", ["out", "data"]]]);
});

Deno.test("helpOf() shows which operands may be left out, and which may be several", () => {
  const usage = (operands: Operands) => helpOf({ task: "try", purpose: "", options: {}, operands }).split("\n")[2];
  equal(usage({ names: ["IN", "OUT"] }), "Usage: deno task try IN OUT [OPTIONS]");
  equal(usage({ names: ["FILE"], least: 0 }), "Usage: deno task try [FILE] [OPTIONS]");
  equal(usage({ names: ["IMAGES"], least: 1, most: 9 }), "Usage: deno task try IMAGES … [OPTIONS]");
});
