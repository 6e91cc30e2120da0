/** @file Exchanges with other processes: the host begins them in the memories of the device, between launches, and ends them later. */
import { type Exchanged, exchangedView, type Pending } from "../../collective.ts";
import { sizeOf } from "../../spec.ts";
import type { ExchangeRange } from "../../compiler/schedule/exchange_ranges.ts";
import type { ExchangeImage } from "./image.ts";
import { placeOf } from "./runtime/heap.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";

/** An exchange that was begun; nobody may touch its results until it is done. */
export type Begun = Pending;

/**
 * Begins an exchange: sums in the place of the results, whose neighbours go together. What is gathered is there at once.
 *
 * @param bufferOf The memory of the device that an address is of.
 * @param image The exchange.
 * @param table Where each value lies.
 * @returns What moves it on, and waits for it.
 */
export function beginExchange(
  bufferOf: (address: number) => ArrayBufferLike,
  image: ExchangeImage,
  table: readonly number[],
): Begun {
  const { inputs, outputs, specs, ranges, exchange: { kind, collective } } = image;
  const spec = (value: number) => specs.get(value)!;
  const view = (value: number, length = sizeOf(spec(value).shape)) =>
    exchangedView(spec(value), bufferOf(table[value]!), placeOf(table[value]!), length);
  if (kind === "gather") {
    collective.allGather(view(inputs[0]!), view(outputs[0]!));
    return together([]);
  }
  outputs.forEach((output, i) => {
    if (table[inputs[i]!] !== table[output]) view(output).set(view(inputs[i]!));
  });
  return together(ranges.map((range) => {
    if (range.packed) return packed(view, image, range);
    const [from, last] = [outputs[range.first]!, outputs[range.end - 1]!];
    // several lie one after the other: they are temporaries, which the first memory holds
    return collective.allReduce(view(from, (table[last]! - table[from]! + bytesOf(spec(last))) / 4));
  }));
}

/** Small results that lie here and there: summed in one place, and copied back once that is done. */
function packed(
  view: (value: number) => Exchanged,
  { outputs, specs, exchange: { collective } }: ExchangeImage,
  { first, end }: ExchangeRange,
): Pending {
  const views = outputs.slice(first, end).map((value) => view(value));
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
