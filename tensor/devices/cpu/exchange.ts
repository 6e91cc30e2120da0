/** @file Exchanges with other processes: the host begins them in the memory of the device, between launches, and ends them later. */
import { type Exchanged, exchangedView, type Pending } from "../../collective.ts";
import { sizeOf } from "../../spec.ts";
import type { ExchangeRange } from "../../compiler/schedule/exchange_ranges.ts";
import type { ExchangeImage } from "./image.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";

/** An exchange that was begun; nobody may touch its results until it is done. */
export type Begun = Pending;

/**
 * Begins an exchange: sums in the place of the results, whose neighbours go together. What is gathered is there at once.
 *
 * @param memory Of the device.
 * @param image The exchange.
 * @param table Where each value lies.
 * @returns What moves it on, and waits for it.
 */
export function beginExchange(memory: WebAssembly.Memory, image: ExchangeImage, table: readonly number[]): Begun {
  const { inputs, outputs, specs, ranges, exchange: { kind, collective } } = image;
  const bytes = new Uint8Array(memory.buffer);
  const spec = (value: number) => specs.get(value)!;
  if (kind === "gather") {
    const view = (value: number) => exchangedView(spec(value), memory.buffer, table[value]!, sizeOf(spec(value).shape));
    collective.allGather(view(inputs[0]!), view(outputs[0]!));
    return together([]);
  }
  outputs.forEach((output, i) => {
    const [from, to] = [table[inputs[i]!]!, table[output]!];
    if (from !== to) bytes.copyWithin(to, from, from + bytesOf(spec(output)));
  });
  return together(ranges.map((range) => {
    if (range.packed) return packed(memory, image, table, range);
    const [from, last] = [outputs[range.first]!, outputs[range.end - 1]!];
    const length = (table[last]! - table[from]! + bytesOf(spec(last))) / 4;
    return collective.allReduce(exchangedView(spec(from), memory.buffer, table[from]!, length));
  }));
}

/** Small results that lie here and there: summed in one place, and copied back once that is done. */
function packed(
  { buffer }: WebAssembly.Memory,
  { outputs, specs, exchange: { collective } }: ExchangeImage,
  table: readonly number[],
  { first, end }: ExchangeRange,
): Pending {
  const views = outputs.slice(first, end).map((value) => {
    const spec = specs.get(value)!;
    return exchangedView(spec, buffer, table[value]!, sizeOf(spec.shape));
  });
  const length = views.reduce((sum, view) => sum + view.length, 0);
  const all = exchangedView(specs.get(outputs[first]!)!, new ArrayBuffer(4 * length), 0, length);
  const each = (copy: (view: Exchanged, at: number) => void) =>
    void views.reduce((at, view) => (copy(view, at), at + view.length), 0);
  each((view, at) => all.set(view, at));
  const pending = collective.allReduce(all);
  return {
    poll: pending.poll,
    wait() {
      pending.wait();
      each((view, at) => view.set(all.subarray(at, at + view.length)));
    },
  };
}

/** Several as one. */
function together(pending: readonly Pending[]): Begun {
  return {
    poll: () => pending.map((one) => one.poll()).every((done) => done),
    wait: () => pending.forEach((one) => one.wait()),
  };
}
