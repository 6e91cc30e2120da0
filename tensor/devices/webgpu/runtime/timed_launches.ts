/** @file Launches run one by one and timed, to see where the time of a program goes. */
import { DeviceError } from "../../../errors.ts";
import { encodeLaunch, type Launches, readyLaunch } from "./launch.ts";
import type { Pipelines } from "./pipelines.ts";
import type { Queue } from "./queue.ts";

/** Told the position of a launch, when it began on the clock of `performance.now()`, and how long it took, in milliseconds. */
export type TellTime = (index: number, start: number, milliseconds: number) => void;

/** Launches of a query set, which holds two times for each and at most 4,096. */
const SET = 2048;
/** A launch is repeated until it has run so long: a single wait is not exact to less than a millisecond. */
const ENOUGH_MILLISECONDS = 5;
const MAX_REPEATS = 8;

/**
 * Runs a program as ever, but with a pass for each launch, timed by the device where it has timestamps, else by waiting.
 *
 * @param queue Where it runs.
 * @param pipelines Cache of the device.
 * @param launches The program, every slot bound.
 * @param tell Told each time.
 * @returns When all times have been told.
 */
export function runTimed(queue: Queue, pipelines: Pipelines, launches: Launches, tell: TellTime): Promise<void> {
  launches.all.forEach((launch) => readyLaunch(queue.gpu, pipelines, launches, launch));
  if (queue.gpu.features.has("timestamp-query")) return stampEach(queue, launches, tell);
  waitForEach(queue, launches, tell);
  return Promise.resolve();
}

async function stampEach(queue: Queue, launches: Launches, tell: TellTime): Promise<void> {
  const from = performance.now();
  const count = Math.ceil(launches.all.length / SET);
  const sets = Array.from({ length: count }, (_, i) => stampSet(queue, launches, i * SET));
  const clock = { first: null as bigint | null };
  for (const [i, staging] of sets.entries()) {
    await queue.map(staging);
    const times = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    clock.first ??= times[0]!;
    const since = (time: bigint) => Number(time - clock.first!) / 1e6;
    for (let at = 0; at < times.length / 2; at++) {
      const [begin, end] = [since(times[2 * at]!), since(times[2 * at + 1]!)];
      tell(i * SET + at, from + begin, Math.max(0, end - begin)); // clocks of some devices step back
    }
  }
}

/** Queues some launches, each between two timestamps, and a copy of these. */
function stampSet({ gpu, submit }: Queue, { all }: Launches, from: number): GPUBuffer {
  const part = all.slice(from, from + SET);
  const [count, size] = [2 * part.length, 16 * part.length];
  const querySet = gpu.createQuerySet({ type: "timestamp", count });
  const resolved = gpu.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  const staging = gpu.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = gpu.createCommandEncoder();
  part.forEach((launch, i) => {
    const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
    const pass = encoder.beginComputePass({ timestampWrites });
    encodeLaunch(pass, launch);
    pass.end();
  });
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
  submit(encoder.finish(), part.length);
  querySet.destroy();
  resolved.destroy(); // what is queued still runs
  return staging;
}

/** Times launches by waiting for each, less the time of waiting for nothing; short ones several times. */
function waitForEach(queue: Queue, launches: Launches, tell: TellTime): void {
  const timeOf = (index: number | null, repeats: number) => {
    const from = performance.now();
    const encoder = queue.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; index !== null && i < repeats; i++) encodeLaunch(pass, launches.all[index]!);
    pass.end();
    queue.submit(encoder.finish(), repeats);
    queue.drain().catch(() => {}); // Deno waits inside the call; a lost device is reported by the next one
    return performance.now() - from;
  };
  const idle = Math.min(...Array.from({ length: 5 }, () => timeOf(null, 0)));
  launches.all.forEach((_, index) => {
    const start = performance.now();
    const once = Math.max(0, timeOf(index, 1) - idle);
    // What writes where it reads would go on from its own result.
    const most = launches.updates.has(index) ? 1 : MAX_REPEATS;
    const repeats = Math.min(most, Math.floor(ENOUGH_MILLISECONDS / Math.max(once, 0.1)));
    const more = repeats > 1 ? Math.max(0, timeOf(index, repeats) - idle) / repeats : once;
    tell(index, start, Math.min(once, more));
  });
}

/**
 * Refuses to time on an engine that cannot.
 *
 * @param gpu The device.
 * @throws {DeviceError} If there are no timestamps, and waiting for the queue does not wait inside the call.
 */
export function requireTimes(gpu: GPUDevice): void {
  if (gpu.features.has("timestamp-query") || "Deno" in globalThis) return;
  throw new DeviceError(
    "webgpu",
    "Cannot profile on webgpu as the adapter must offer timestamp-query, or the engine must wait in place as Deno does: " +
      `current features are ${[...gpu.features].join(", ")}`,
  );
}
