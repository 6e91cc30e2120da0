/**
 * The inspecting command: `deno task inspect --help`, or `deno run -A jsr:@tessera/tessera/inspect --help`.
 *
 * @module
 */
import { counted } from "../../../data/mod.ts";
import { accountLines } from "../../weights/weight_account.ts";
import { bytes } from "../../train/devices.ts";
import { type Command, command } from "../cli/command.ts";
import { print, printResult } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { openWeights } from "../shared/weight_file.ts";
import { WEIGHTS_OPTION } from "../shared/common_options.ts";
import { inspect, type Inspection } from "./inspection.ts";

export type { Command } from "../cli/command.ts";

const LINE = {
  task: "inspect",
  purpose:
    `Lists what a file of weights holds: container, whose names they are, model, configuration, and each tensor's \
name, type
and shape. Reads safetensors (sharded ones by their index), PyTorch's .pth (nothing in it is run), NumPy's .npz, and
pickles of NumPy arrays; of a run folder its newest checkpoint.`,
  operands: { names: ["FILE"] },
  options: { json: { kind: "flag", help: "one JSON object on one line" }, ...WEIGHTS_OPTION },
} as const;

function lines(
  { file, container, names, model, account, sets, classes, decoderWidth, configuration, tensors, bytes: size }:
    Inspection,
): string[] {
  const part = decoderWidth === null ? "without decoder" : `with a decoder of width ${decoderWidth}`;
  const shapes = tensors.map(({ shape }) => `[${shape.join(", ")}]`);
  const widest = Math.max(5, ...shapes.map((shape) => shape.length));
  return [
    `${file}: ${container}, ${counted(tensors.length, "tensor")}, ${bytes(size)}`,
    model === null
      ? "model: none that is known"
      : `model: ${model} ${part}, names of ${names === "tessera" ? "this library" : names}`,
    ...account ? accountLines(account) : [],
    ...sets.length > 1
      ? [`sets: ${sets.map((name) => name || "the file itself").join(", ")}; the first is listed`]
      : [],
    ...classes
      ? [`${counted(classes.length, "class")}: ${classes.slice(0, 20).join(", ")}${classes.length > 20 ? ", …" : ""}`]
      : [],
    ...Object.entries(classes ? withoutClasses(configuration) : configuration)
      .flatMap(([key, value]) => valueLines(key, value)),
    "",
    `dtype  ${"shape".padEnd(widest)}  name`,
    ...tensors.map(({ name, dtype }, i) => `${dtype.padEnd(5)}  ${shapes[i]!.padEnd(widest)}  ${name}`),
  ];
}

/** They have a line of their own. */
function withoutClasses({ configuration, ...rest }: Inspection["configuration"]): Inspection["configuration"] {
  const { classes: _, ...inner } = (configuration ?? {}) as { readonly classes?: unknown };
  return configuration === undefined ? rest : { ...rest, configuration: inner };
}

/** A value in a line; of a record a line for each of its values but nulls, and the same of records in it. */
function valueLines(key: string, value: unknown, indent = ""): readonly string[] {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isRecord || indent.length > 4) return [`${indent}${key}: ${oneLine(value)}`];
  return [
    `${indent}${key}:`,
    ...Object.entries(value).filter(([, inner]) => inner !== null).flatMap(([name, inner]) =>
      valueLines(name, inner, `${indent}  `)
    ),
  ];
}

/** Control characters of a file do not reach the terminal. */
function oneLine(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.length > 2000 ? `${text.slice(0, 2000)} …` : text;
}

/** Runs the command: exit code 0. */
export const inspectFile: Command = command(LINE, async ({ json, weights }, [path]) => {
  const inspection = inspect(await openWeights(path!, { option: "FILE", weights }));
  if (json) printResult(JSON.stringify(inspection));
  else lines(inspection).forEach((line) => print(line.replaceAll(/\p{Cc}/gu, "?")));
  return 0;
});

if (import.meta.main) await runCommand(inspectFile);
