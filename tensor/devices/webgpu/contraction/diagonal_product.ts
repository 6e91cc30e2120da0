/** @file Depthwise convolutions: every channel has a weight of its own, so that the matrix of a tap is a diagonal. */
import type { WgslBuffer, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { lastRow, type RowProduct } from "./row_product_parts.ts";
import { itemPass } from "../emit/shader.ts";

/** Rows of one invocation: neighbours share the weights. */
const HEIGHT = 4;

/**
 * Writes a product with diagonal matrices: `result[row, c] = Σ_tap left[row, tap, c] · right[tap, c]`. The batches of the
 * product are the channels; its texts must not depend on `batch`.
 *
 * @param product The factors; their depth and columns are one.
 * @returns The pass.
 */
export function diagonalProduct(product: RowProduct): WgslPass {
  const { batches: channels, left, right, others = [], taps, result } = product;
  const width = channels % 4 === 0 ? 4 : 1;
  const [type, zero] = width === 4 ? ["vec4f", "vec4f()"] as const : ["f32", "0f"] as const;
  const height = Math.min(HEIGHT, product.rows);
  const rows = [...Array(height).keys()];
  const element = (at: string) => width === 4 ? `(${at}) / 4u` : at;
  const value = ({ load }: WgslMemory, m: number) => {
    const text = load(left.name, element(`from_${m} + channel`));
    return left.guarded ? `select(${zero}, ${text}, in_${m})` : text;
  };
  const down = Math.ceil(product.rows / height);
  const body = (memory: WgslMemory) =>
    [
      "let batch = 0u;",
      `let channel = item % ${channels / width}u * ${width}u;`,
      `let row = item / ${channels / width}u * ${height}u;`,
      ...rows.map((m) => `let row_${m} = min(row + ${m}u, ${lastRow(product)});`),
      ...rows.map((m) => left.row(m)),
      ...rows.map((m) => `var sum_${m} = ${zero};`),
      ...(taps
        ? [
          taps.open,
          ...rows.map((m) => left.tap(m, memory)),
          `let weight = ${memory.load(right.name, element(`${right.from} + channel`))};`,
        ]
        : []),
      ...(taps ? [...rows.map((m) => `sum_${m} = fma(${value(memory, m)}, weight, sum_${m});`), taps.close] : []),
      ...rows.map((m) => memory.store(result.name, element(`${result.at(m)} + channel`), `sum_${m}`)),
    ].join("\n");
  const bindings: readonly WgslBuffer[] = [
    { name: left.name, type, buffer: left.buffer },
    { name: right.name, type, buffer: right.buffer },
    ...others,
    { name: result.name, type, buffer: result.buffer },
  ];
  return itemPass(taps ? bindings : bindings.slice(-1), { items: down * (channels / width), body });
}
