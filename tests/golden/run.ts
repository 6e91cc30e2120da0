/** @file `deno task golden`: compares models with traces of the official implementation. */
import { parseArgs } from "node:util";
import process from "node:process";
import { type Device, openDevice } from "../../tensor/mod.ts";
import { compareCase } from "./compare.ts";
import type { Case } from "./format.ts";
import type { Through } from "./through.ts";
import type { Measurement } from "./tolerance.ts";

const HELP = `deno task golden [FILE …] [--device reference|cpu|webgpu] [--case NAME] [--through pth|safetensors]

Runs the cases of golden files (tests/golden/golden.json if none is named) and compares losses, features, gradients,
optimizer steps, buffers and evaluation with what the file holds. Exits 1 if a tolerance is exceeded. With --through,
weights go through such a file before the first step, and weights and moments after it; no bit of them may change.
`;

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

function throughOf(value: string | undefined): Through | undefined {
  if (value === undefined || value === "pth" || value === "safetensors") return value;
  throw new RangeError(`Cannot use --through as it must be pth or safetensors: current value is ${value}`);
}

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    options: {
      device: { type: "string", default: "cpu" },
      case: { type: "string" },
      through: { type: "string" },
      help: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    write(HELP);
    return true;
  }
  const files = positionals.length > 0 ? positionals : [new URL("golden.json", import.meta.url)];
  const all = (await Promise.all(files.map(readCases))).flat();
  const cases = all.filter(({ name }) => values.case === undefined || name === values.case);
  if (cases.length === 0) {
    const names = all.map(({ name }) => name).join(", ");
    throw new RangeError(`Cannot run a case as the file must have it: current name is ${values.case}, names are ${names}`);
  }
  const through = throughOf(values.through);
  const device = await openDevice(values.device);
  const counts = { passed: 0, failed: 0 };
  for (const golden of cases) {
    counts[await runCase(golden, device, through) ? "passed" : "failed"]++;
  }
  device.close();
  write(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0;
}

if (import.meta.main) {
  try {
    process.exitCode = await main() ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
