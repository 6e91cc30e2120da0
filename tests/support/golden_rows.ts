import { deepStrictEqual, equal } from "node:assert/strict";
import { cpuDevice, type DType, referenceDevice, type Tensor, tensor } from "../../tensor/mod.ts";
import { assertClose } from "./assert_close.ts";

/** An array as scripts of other libraries write it: NaN is null. */
export interface Plain {
  /** Sizes of the axes. */
  readonly shape: readonly number[];
  /** In row-major order. */
  readonly values: readonly (number | null)[];
}

/** What is computed of arrays, and another library's answer. */
export type GoldenRow = readonly [
  name: string,
  f: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  answer: Plain | readonly Plain[],
  tolerance?: { readonly absolute?: number; readonly relative?: number },
];

/** A tensor of such an array. */
export function given({ shape, values }: Plain, dtype: DType = "float64"): Tensor {
  return tensor(values.map((value) => value ?? NaN), { shape, dtype });
}

/**
 * Registers tests that functions give another library's answers, on the reference in float64 and on the cpu in float32.
 *
 * @param library Whose answers.
 * @param inputs What the functions are called with.
 * @param rows What they are and give.
 */
export function testGolden(library: string, inputs: readonly Plain[], rows: readonly GoldenRow[]): void {
  for (const device of [referenceDevice(), cpuDevice()]) {
    const dtype = device.name === "reference" ? "float64" : "float32";
    for (const [name, f, answer, tolerance] of rows) {
      Deno.test(`${name} is ${library}'s on ${device.name}`, async () => {
        const found = [f(...inputs.map((input) => given(input, dtype)))].flat();
        const wanted = [answer].flat() as readonly Plain[];
        equal(found.length, wanted.length);
        for (const [i, { shape, values }] of wanted.entries()) {
          deepStrictEqual(found[i]!.shape, shape);
          assertClose(await found[i]!.data({ device }), values.map((value) => value ?? NaN), tolerance, name);
        }
      });
    }
  }
}
