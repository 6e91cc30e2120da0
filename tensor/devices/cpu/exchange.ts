/** @file Exchanges with other processes: the host makes them in the memory of the device, between launches. */
import { exchangedView, type Pending } from "../../collective.ts";
import { sizeOf } from "../../spec.ts";
import type { ExchangeImage } from "./image.ts";
import { bytesOf } from "./runtime/blocks.ts";

/**
 * Makes an exchange: sums in the place of the results, whose neighbours go together.
 *
 * @param memory Of the device.
 * @param segment The exchange.
 * @param table Where each value lies.
 */
export function exchangeInPlace(
  memory: WebAssembly.Memory,
  { inputs, outputs, specs, ranges, exchange: { kind, collective } }: ExchangeImage,
  table: readonly number[],
): void {
  const bytes = new Uint8Array(memory.buffer);
  const spec = (value: number) => specs.get(value)!;
  if (kind === "gather") {
    const view = (value: number) => exchangedView(spec(value), memory.buffer, table[value]!, sizeOf(spec(value).shape));
    return collective.allGather(view(inputs[0]!), view(outputs[0]!));
  }
  outputs.forEach((output, i) => {
    const [from, to] = [table[inputs[i]!]!, table[output]!];
    if (from !== to) bytes.copyWithin(to, from, from + bytesOf(spec(output)));
  });
  const pending = ranges.map(({ first, end }): Pending => {
    const [from, last] = [outputs[first]!, outputs[end - 1]!];
    const length = (table[last]! - table[from]! + bytesOf(spec(last))) / 4;
    return collective.allReduce(exchangedView(spec(from), memory.buffer, table[from]!, length));
  });
  pending.forEach((one) => one.wait());
}
