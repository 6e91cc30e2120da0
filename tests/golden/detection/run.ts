/** @file `deno task golden:detection`: compares detectors and all that they are made of with traces of the official code. */
import process from "node:process";
import { openDevice } from "../../../tensor/mod.ts";
import { command, type Command } from "../../../spark/commands/cli/command.ts";
import { withDefaults } from "../../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../../spark/commands/cli/run_command.ts";
import { checkAnchors, checkCoder, checkMatcher, checkPaste, checkPolygonTargets, checkResize } from "./boxes.ts";
import { checkEvaluation, checkOverlaps, checkPolygons, checkRunLengths } from "./coco.ts";
import type { Bench, Json, Line } from "./format.ts";
import { checkModel } from "./model.ts";
import {
  checkFpn,
  checkLevels,
  checkLosses,
  checkMaskTargets,
  checkMultiscale,
  checkNms,
  checkRoiAlign,
} from "./operations.ts";

const OPTIONS = {
  device: { kind: "name", names: ["reference", "cpu", "webgpu"], help: "reference, cpu or webgpu", default: "cpu" },
  case: { kind: "text", placeholder: "NAME", what: "a part of names", help: "only parts whose name has it (default all)" },
  direct: {
    kind: "flag",
    help: "cpu, webgpu: convolutions by their definition, not by Winograd's method, which rounds two or three times as far",
  },
} as const;

const LINE = {
  task: "golden:detection",
  purpose: `Runs every operation, every case of COCO's masks and metrics, and every whole detector of a golden file
(tests/golden/detection.json if none is named), and compares with what the file holds, by the tolerances of its
notes. One line a case and quantity. Exits 1 if one fails.`,
  operands: { names: ["FILE …"], least: 0, most: Infinity },
  options: OPTIONS,
} as const;

type Check = (bench: Bench, cases: Json) => readonly Line[] | Promise<readonly Line[]>;

/** Parts of a file by their way in it, with all checks of them. */
const PARTS: readonly (readonly [path: string, ...checks: readonly Check[]])[] = [
  ["ops.roiAlign", checkRoiAlign],
  ["ops.multiscaleRoiAlign", checkMultiscale],
  ["ops.levels", checkLevels],
  ["ops.nms", checkNms],
  ["ops.anchors", checkAnchors],
  ["ops.boxCoder", checkCoder],
  ["ops.matcher", checkMatcher],
  ["ops.fpn", checkFpn],
  ["ops.paste", checkPaste],
  ["ops.maskTargets", checkMaskTargets, checkPolygonTargets],
  ["ops.losses", checkLosses],
  ["ops.resize", checkResize],
  ["coco.rle", checkRunLengths],
  ["coco.polygons", checkPolygons],
  ["coco.iou", checkOverlaps],
  ["coco.evaluation", checkEvaluation],
];

function write(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe({ name, quantity, error, tolerance, worst }: Line): string {
  const verdict = error <= tolerance ? "ok" : `FAILED at ${worst}`;
  return `${name.padEnd(36)}  ${quantity.padEnd(30)}  ${error.toExponential(1)} of ${tolerance.toExponential(1)}  ${verdict}`;
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);

/** Runs one part: how many lines passed and failed. What throws is one that failed. */
async function runPart(name: string, run: () => ReturnType<Check>): Promise<readonly [number, number]> {
  try {
    const lines = await run();
    lines.forEach((each) => write(describe(each)));
    const passed = lines.filter(({ error, tolerance }) => error <= tolerance).length;
    return [passed, lines.length - passed];
  } catch (error) {
    write(`${name}  FAILED: ${messageOf(error)}`);
    return [0, 1];
  }
}

async function readGolden(file: string | URL): Promise<Json> {
  try {
    const golden = JSON.parse(await Deno.readTextFile(file));
    if (golden.ops || golden.coco || golden.models) return golden;
    throw new TypeError("there are neither ops nor coco nor models in it");
  } catch (error) {
    throw new Error(`Cannot read a golden file of detectors: current file is ${file}, ${messageOf(error)}`);
  }
}

/**
 * All runs of a file: parts it does not have are left out, parts that nobody knows fail.
 *
 * @param golden What the file holds.
 * @param bench Where to run.
 * @returns Name and check of each part.
 */
export function runsOf(golden: Json, bench: Bench): readonly (readonly [string, () => ReturnType<Check>])[] {
  const at = (path: string) => path.split(".").reduce((node, name) => node?.[name], golden);
  const known = PARTS.filter(([path]) => at(path) !== undefined)
    .flatMap(([path, ...checks]) => checks.map((check) => [path, () => check(bench, at(path))] as const));
  const models = (golden.models ?? []).map((each: Json) => [`models.${each.name}`, () => checkModel(bench, each)] as const);
  const unknown = ["ops", "coco"].flatMap((room) => Object.keys(golden[room] ?? {}).map((name) => `${room}.${name}`))
    .filter((path) => !PARTS.some(([known]) => known === path))
    .map((path) => [path, () => Promise.reject(new TypeError("nothing here checks it"))] as const);
  return [...known, ...models, ...unknown];
}

/** Runs the files: exit code 0 if everything passed. */
const main: Command = command(LINE, async (given, operands) => {
  const { device: name, case: only, direct } = withDefaults(OPTIONS, given);
  const files = operands.length > 0 ? operands : [new URL("../detection.json", import.meta.url)];
  const device = await openDevice(name, direct && name !== "reference" ? { winograd: false } : {});
  const precision = name === "reference" ? "float64" : "float32";
  const bench: Bench = { device, precision, dtype: precision };
  const counts = [0, 0];
  for (const file of files) {
    for (const [part, run] of runsOf(await readGolden(file), bench)) {
      if (only !== undefined && !part.includes(only)) continue;
      const [passed, failed] = await runPart(part, run);
      counts[0]! += passed;
      counts[1]! += failed;
    }
  }
  device.close();
  write(`${counts[0]} passed, ${counts[1]} failed`);
  return counts[1] === 0 && counts[0]! > 0 ? 0 : 1;
});

if (import.meta.main) await runCommand(main);
