/**
 * @file `deno task equal`: trains a few steps on a device twice, and once on the cpu. The two must agree to the bit, and
 * with the cpu within a tolerance.
 *
 *     deno task equal --device webgpu --model resnet50 --input-size 64 --batch-size 8 --steps 20
 */
import process from "node:process";
import { openDevice } from "../../tensor/mod.ts";
import { BENCH_DEVICE_OPTION, STEP_OPTIONS, stepSizes } from "../../bench/step_options.ts";
import type { Model } from "../../nn/mod.ts";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { compareTraces, type TraceOptions, type TrainTrace, trainTrace } from "./train_trace.ts";

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

const OPTIONS = {
  ...STEP_OPTIONS,
  device: { ...BENCH_DEVICE_OPTION.device, default: "webgpu" },
  steps: { kind: "whole", least: 1, help: "steps of each run", default: 20 },
} as const;

const LINE = {
  task: "equal",
  purpose:
    "Trains a few steps on a device twice, and once on the cpu. The two must agree to the bit, and with the cpu\n" +
    "within a tolerance.",
  options: OPTIONS,
} as const;

/** Trains on a device that is opened for it. */
async function traceOn(name: string, model: Model, options: TraceOptions): Promise<TrainTrace> {
  const device = await openDevice(name);
  const from = performance.now();
  const trace = await trainTrace(model, device, options);
  device.close();
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  const [first, last] = [trace.losses[0]!, trace.losses.at(-1)!].map((loss) => loss.toFixed(6));
  write(`${name}: ${options.steps} steps in ${seconds} s, losses ${first} to ${last}`);
  if (trace.work) write(`${name}: each step after the first: ${trace.work}`);
  return trace;
}

/** Runs the check: exit code 0 if all agree. */
export const main: Command = command(LINE, async (given) => {
  const args = withDefaults(OPTIONS, given);
  const { model, inputSize: size, decoderWidth } = stepSizes(args);
  const options = {
    ...{ size, batchSize: args.batchSize, decoderWidth, steps: args.steps },
  };
  write(`${model.name} at ${size}×${size}, batch ${args.batchSize}, decoder width ${decoderWidth}`);
  const first = await traceOn(args.device, model, options);
  const second = await traceOn(args.device, model, options);
  const cpu = await traceOn("cpu", model, options);
  const rows = compareTraces(first, cpu);
  for (const { quantity, error, tolerance } of rows) {
    const verdict = error <= tolerance ? "ok" : "FAILED";
    write(`${quantity.padEnd(26)} ${error.toExponential(1)} of ${tolerance.toExponential(0)}  ${verdict}`);
  }
  const same = first.digest === second.digest;
  const verdict = same ? "equal to the bit" : "FAILED: they differ";
  write(`${`two runs on ${args.device}`.padEnd(26)} ${verdict} (${first.digest.slice(0, 16)})`);
  return same && rows.every(({ error, tolerance }) => error <= tolerance) ? 0 : 1;
});

if (import.meta.main) await runCommand(main);
