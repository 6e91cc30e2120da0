/** @file The command that draws figures: `deno task figures --help`. */
import { join } from "node:path";
import { writeFileAtomic } from "../../../data/mod.ts";
import { onRunDevice } from "../../train/devices.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { DEVICE_OPTION } from "../shared/common_options.ts";
import { type Series, shareOf, vanishingMaps, vanishingMasks } from "./vanishing.ts";
import { vanishingPng, vanishingSvg } from "./vanishing_picture.ts";

const LINE = {
  task: "figures",
  purpose:
    "Draws why SparK's encoder is sparse: how the pattern of a mask vanishes in dense convolutions, depth by depth.",
  options: {
    out: {
      kind: "text",
      placeholder: "FOLDER",
      what: "a folder",
      help: "where the figures are written",
      default: "figures",
    },
    ...DEVICE_OPTION,
  },
  details:
    `Writes mask_vanishing.svg, with words, and mask_vanishing.png, without, and prints the share of positions that are not
zero at each depth.`,
} as const;

function makeFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new Error(
      `Cannot write figures as --out must be a folder that can be written: current folder is ${path} ` +
        `(${(cause as Error).message})`,
      { cause },
    );
  }
}

/** A line for each kind of convolution. */
function table({ title, labels, dense, sparse }: Series): readonly string[] {
  const shares = (maps: Series["dense"]) => maps.map((map) => `${(100 * shareOf(map)).toFixed(1)} %`);
  const rows = [["", ...labels], ["dense", ...shares(dense)], ["sparse", ...shares(sparse)]];
  // As wide as need be: 78 columns for the longest words.
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]! + 2)).join("");
  return ["", title, ...rows.map(line)];
}

/** Runs the command: exit code 0. */
export const figuresCommand: Command = command(LINE, async (given) => {
  const { out: folder, device: name } = withDefaults(LINE.options, given);
  makeFolder(folder);
  return await onRunDevice(name, { kept: "" }, async (device) => {
    const series = [...await vanishingMasks(device), await vanishingMaps(device)];
    await writeFileAtomic(join(folder, "mask_vanishing.svg"), vanishingSvg(series));
    await writeFileAtomic(join(folder, "mask_vanishing.png"), vanishingPng(series));
    print("Share of positions that are not zero; of ResNet-18's maps, that know anything of the visible patches");
    series.flatMap(table).forEach(print);
    print(`\nWrote mask_vanishing.svg and mask_vanishing.png to ${folder}`);
    return 0;
  });
});

if (import.meta.main) await runCommand(figuresCommand);
