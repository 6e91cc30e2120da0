/** @file Exchanges with other processes: values go to the host, which makes the exchange, and back, while the queue is held. */
import { type Exchanged, exchangedView, type Pending } from "../../../collective.ts";
import type { Exchange } from "../../../primitive.ts";
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import type { Range } from "./launch.ts";
import type { Queue } from "./queue.ts";

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

/**
 * Queues an exchange.
 *
 * @param queue All that comes after it waits for it.
 * @param staged What is exchanged, of which all that was queued before makes the operands.
 */
export function queueExchange(queue: Queue, { exchange, operands, results }: Staged): void {
  const { gpu } = queue;
  const sizes = operands.map(({ spec }) => bytesOf(spec));
  const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
  if (size === 0) return;
  const staging = gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = gpu.createCommandEncoder();
  let at = 0;
  operands.forEach(({ range: { buffer, offset } }, i) => {
    if (sizes[i]! > 0) encoder.copyBufferToBuffer(buffer, offset, staging, at, sizes[i]!);
    at += sizes[i]!;
  });
  queue.submit(encoder.finish(), 0);
  queue.hold(async () => {
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = staging.getMappedRange().slice(0);
    staging.destroy();
    const made = exchanged(exchange, operands.map(({ spec }) => spec), bytes);
    results.forEach(({ range: { buffer, offset } }, i) =>
      made[i]!.length > 0 && gpu.queue.writeBuffer(buffer, offset, made[i]! as Float32Array<ArrayBuffer>)
    );
  });
}

/** The results, of operands that lie one after the other; sums of one dtype go together. */
function exchanged(
  { kind, collective }: Exchange,
  specs: readonly TensorSpec[],
  bytes: ArrayBuffer,
): readonly Exchanged[] {
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
    return [all];
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
  pending.forEach((one) => one.wait());
  return views;
}
