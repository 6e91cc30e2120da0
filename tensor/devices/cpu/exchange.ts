/** @file Exchanges with other processes: the host makes them in the memory of the device, between launches. */
import { exchangedView, type Pending } from "../../collective.ts";
import { sizeOf } from "../../spec.ts";
import { exchangeRanges } from "../../compiler/schedule/exchange_ranges.ts";
import type { ExchangeSegment, Program } from "./program.ts";
import { bytesOf } from "./runtime/blocks.ts";

/**
 * Makes an exchange: sums in the place of the results, whose neighbours go together.
 *
 * @param memory Of the device.
 * @param program Whose step it is.
 * @param segment The exchange.
 * @param table Where each value lies.
 */
export function exchangeInPlace(
  memory: WebAssembly.Memory,
  { schedule: { values } }: Program,
  { step, exchange: { kind, collective } }: ExchangeSegment,
  table: readonly number[],
): void {
  const { inputs, outputs } = step;
  const bytes = new Uint8Array(memory.buffer);
  if (kind === "gather") {
    const [input, output] = [inputs[0]!, outputs[0]!];
    const view = (value: number) =>
      exchangedView(values[value]!, memory.buffer, table[value]!, sizeOf(values[value]!.shape));
    return collective.allGather(view(input), view(output));
  }
  outputs.forEach((output, i) => {
    const [from, to] = [table[inputs[i]!]!, table[output]!];
    if (from !== to) bytes.copyWithin(to, from, from + bytesOf(values[output]!));
  });
  const pending = exchangeRanges(step, values).map(({ first, end }): Pending => {
    const [from, last] = [outputs[first]!, outputs[end - 1]!];
    const length = (table[last]! - table[from]! + bytesOf(values[last]!)) / 4;
    return collective.allReduce(exchangedView(values[from]!, memory.buffer, table[from]!, length));
  });
  pending.forEach((one) => one.wait());
}
