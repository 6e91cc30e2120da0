/** @file Exchanges with other processes: values go to the host, which makes the exchange, and back; who reads them waits. */
import { type Exchanged, exchangedView, type Pending } from "../../../collective.ts";
import type { Exchange } from "../../../primitive.ts";
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import type { Range } from "./launch.ts";
import type { Queue } from "./queue.ts";

/** Milliseconds between two looks at exchanges that are under way. */
const POLL = 1;

/** A value of a program, and where it lies. */
export interface Placed {
  readonly spec: TensorSpec;
  readonly range: Range;
}

/** Operands and results of an exchange, each result at the position of its operand. */
export interface Staged {
  readonly exchange: Exchange;
  readonly operands: readonly Placed[];
  readonly results: readonly Placed[];
}

/** An exchange that the host has begun. */
interface Begun {
  readonly pending: readonly Pending[];
  readonly made: readonly Exchanged[];
}

/**
 * Makes the function that queues exchanges of a run. They begin in the order in which they are queued, as all processes have it,
 * while what is queued after them is computed.
 *
 * @param queue Whose order they keep.
 * @returns From what is exchanged, of which all that was queued before makes the operands, to a function that keeps all that is
 * queued after its call back until the exchange is done.
 */
export function exchangeQueue(queue: Queue): (staged: Staged) => () => void {
  let last: Promise<unknown> = Promise.resolve();
  return (staged) => {
    const { gpu } = queue;
    const { exchange, operands, results } = staged;
    const sizes = operands.map(({ spec }) => bytesOf(spec));
    const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
    if (size === 0) return () => {};
    const staging = copied(queue, operands, sizes);
    const begun: { promise?: Promise<Begun>; timer?: ReturnType<typeof setTimeout> } = {};
    const moveOn = (pending: readonly Pending[]) => {
      const done = pending.map((one) => one.poll()).every((one) => one);
      if (!done) begun.timer = setTimeout(() => moveOn(pending), POLL);
    };
    queue.inOrder(() => {
      const mapped = staging.mapAsync(GPUMapMode.READ);
      begun.promise = Promise.all([last, mapped]).then(() => {
        const bytes = staging.getMappedRange().slice(0);
        staging.destroy();
        const one = exchanged(exchange, operands.map(({ spec }) => spec), bytes);
        moveOn(one.pending);
        return one;
      });
      last = begun.promise;
      begun.promise.catch(() => {}); // who waits for it is told
    });
    return () =>
      queue.hold(async () => {
        const { pending, made } = await begun.promise!;
        clearTimeout(begun.timer);
        pending.forEach((one) => one.wait());
        results.forEach(({ range: { buffer, offset } }, i) =>
          made[i]!.length > 0 && gpu.queue.writeBuffer(buffer, offset, made[i]! as Float32Array<ArrayBuffer>)
        );
      });
  };
}

/** Queues copies of all operands to where the host can read them. */
function copied(queue: Queue, operands: readonly Placed[], sizes: readonly number[]): GPUBuffer {
  const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const staging = queue.gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = queue.gpu.createCommandEncoder();
  let at = 0;
  operands.forEach(({ range: { buffer, offset } }, i) => {
    if (sizes[i]! > 0) encoder.copyBufferToBuffer(buffer, offset, staging, at, sizes[i]!);
    at += sizes[i]!;
  });
  queue.submit(encoder.finish(), 0);
  return staging;
}

/** Begins the exchange of operands that lie one after the other; sums of one dtype go together. */
function exchanged(
  { kind, collective }: Exchange,
  specs: readonly TensorSpec[],
  bytes: ArrayBuffer,
): Begun {
  let at = 0;
  const views = specs.map((spec) => {
    const view = exchangedView(spec, bytes, at, sizeOf(spec.shape));
    at += view.byteLength;
    return view;
  });
  if (kind === "gather") {
    const [own] = views as [Exchanged];
    const all = exchangedView(
      specs[0]!,
      new ArrayBuffer(collective.size * own.byteLength),
      0,
      collective.size * own.length,
    );
    collective.allGather(own, all);
    return { pending: [], made: [all] };
  }
  const pending: Pending[] = [];
  let end = 0;
  while (end < views.length) {
    const first = end++;
    while (end < views.length && specs[end]!.dtype === specs[first]!.dtype) end++;
    const [from, last] = [views[first]!, views[end - 1]!];
    const length = (last.byteOffset + last.byteLength - from.byteOffset) / 4;
    pending.push(collective.allReduce(exchangedView(specs[first]!, bytes, from.byteOffset, length)));
  }
  return { pending, made: views };
}
