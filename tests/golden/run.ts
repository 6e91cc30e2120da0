/** @file `deno task golden`: compares models with traces of the official implementation. */
import process from "node:process";
import { type Device, openDevice } from "../../tensor/mod.ts";
import { command, type Command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { compareCase } from "./compare.ts";
import { fastCpuDevice } from "../../spark/train/fast_cpu/fast_cpu_device.ts";
import type { Case } from "./format.ts";
import type { Through } from "./through.ts";
import type { Measurement } from "./tolerance.ts";

const OPTIONS = {
  device: { kind: "name", names: ["reference", "cpu", "webgpu"], help: "reference, cpu or webgpu", default: "cpu" },
  case: { kind: "text", placeholder: "NAME", what: "the name of a case", help: "the case that is run (default all)" },
  fast: { kind: "flag", help: "compute on the cpu in a process of its own, whose engine joins vectors" },
  through: { kind: "name", names: ["pth", "safetensors"], help: "container that weights and moments go through" },
} as const;

const LINE = {
  task: "golden",
  purpose: `Runs the cases of golden files (tests/golden/golden.json if none is named) and compares losses,
features, gradients, optimizer steps, buffers and evaluation with what the file holds. Exits 1 if a
tolerance is exceeded. With --through, weights go through such a file before the first step, and weights
and moments after it; no bit of them may change.`,
  operands: { names: ["FILE …"], least: 0, most: Infinity },
  options: OPTIONS,
} as const;

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describe(name: string, { quantity, error, tolerance, worst }: Measurement): string {
  const verdict = error <= tolerance ? "ok" : `FAILED at ${worst}`;
  return `${name}  ${quantity.padEnd(28)}  ${error.toExponential(1)} of ${tolerance.toExponential(1)}  ${verdict}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function readCases(file: string | URL): Promise<readonly Case[]> {
  try {
    const { cases } = JSON.parse(await Deno.readTextFile(file));
    if (Array.isArray(cases)) return cases;
    throw new TypeError("there is no list of cases in it");
  } catch (error) {
    throw new Error(
      `Cannot read a golden file as it must be JSON with cases: current file is ${file}, ${messageOf(error)}`,
    );
  }
}

async function runCase(golden: Case, device: Device, through?: Through): Promise<boolean> {
  const start = performance.now();
  const passed = await compareCase(golden, device, through).then((measurements) => {
    measurements.forEach((measurement) => write(describe(golden.name, measurement)));
    return measurements.every(({ error, tolerance }) => error <= tolerance);
  }, (error) => {
    write(`${golden.name}  ${messageOf(error)}`);
    return false;
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  write(`${golden.name}  ${passed ? "passed" : "failed"} on ${device.name} in ${seconds} s`);
  return passed;
}

/** Runs the cases: exit code 0 if all passed. */
const main: Command = command(LINE, async (given, operands) => {
  const { device: name, case: only, fast, through } = withDefaults(OPTIONS, given);
  const files = operands.length > 0 ? operands : [new URL("golden.json", import.meta.url)];
  const all = (await Promise.all(files.map(readCases))).flat();
  const cases = all.filter(({ name }) => only === undefined || name === only);
  if (cases.length === 0) {
    const names = all.map(({ name }) => name).join(", ");
    throw new RangeError(`Cannot run a case as the file must have it: current name is ${only}, names are ${names}`);
  }
  const device = fast ? (await fastCpuDevice()).device : await openDevice(name);
  const counts = { passed: 0, failed: 0 };
  for (const golden of cases) {
    counts[await runCase(golden, device, through) ? "passed" : "failed"]++;
  }
  device.close();
  write(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
});

if (import.meta.main) await runCommand(main);
