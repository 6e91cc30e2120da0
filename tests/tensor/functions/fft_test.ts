import { deepStrictEqual, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import golden from "../../golden/fft_numpy.json" with { type: "json" };
import { given, type GoldenRow, type Plain, testGolden } from "../../support/golden_rows.ts";

const { fft } = t;
const both = ({ re, im }: t.fft.Complex) => [re, im];
const close = { absolute: 1e-5, relative: 1e-5 };

/** Of real and imaginary parts. */
const PLAIN_ROWS: readonly GoldenRow[] = [
  ["fft, ortho", (re, im) => both(fft.fft({ re: re!, im: im! }, { norm: "ortho" })), golden.ortho],
  ["ifft, forward", (re, im) => both(fft.ifft({ re: re!, im: im! }, { norm: "forward" })), golden.forward],
  ["fft of more", (re, im) => both(fft.fft({ re: re!, im: im! }, { size: 16 })), golden.longer],
  ["ifft of less", (re, im) => both(fft.ifft({ re: re!, im: im! }, { size: 5 })), golden.shorter],
  ["fft over axis 0", (re, im) => both(fft.fft({ re: re!, im: im! }, { axis: 0 })), golden.axis],
  ["fft over two axes", (re, im) => both(fft.fft({ re: re!, im: im! }, { axis: [0, 1] })), golden.two],
  ["ifft over two axes", (re, im) => both(fft.ifft({ re: re!, im: im! }, { axis: [0, 1] })), golden.twoBack],
  ["rfft", (re) => both(fft.rfft(re!)), golden.rfft],
  ["rfft over two axes", (re) => both(fft.rfft(re!, { axis: [0, 1] })), golden.rfft2],
  ["irfft", (re, im) => fft.irfft({ re: re!, im: im! }), golden.irfft],
  ["irfft, odd", (re, im) => fft.irfft({ re: re!, im: im! }, { size: 15 }), golden.irfftOdd],
  ["irfft over two axes", (re, im) => fft.irfft({ re: re!, im: im! }, { axis: [0, 1] }), golden.irfft2],
  ["fftfreq", () => fft.fftfreq(7, { spacing: 0.5 }), golden.frequencies],
  ["fftshift", (re) => fft.fftshift(re!), golden.shifted],
  ["ifftshift of fftshift", (re) => fft.ifftshift(fft.fftshift(re!)), golden.re],
  ...golden.lengths.map(({ n, fft: answer }): GoldenRow => [
    `fft of ${n}`,
    (re) => both(fft.fft(signalOf(n, re!.dtype))),
    answer,
    { absolute: 1e-4, relative: 1e-5 },
  ]),
];
const ROWS = PLAIN_ROWS.map(([name, f, answer, tolerance = close]): GoldenRow => [name, f, answer, tolerance]);

/** The signal of the script. */
function signalOf(n: number, dtype: t.DType): t.fft.Complex {
  const part = (f: (i: number, k: number) => number): Plain => ({
    shape: [2, n],
    values: Array.from({ length: 2 * n }, (_, i) => f(i % n, Math.floor(i / n))),
  });
  return {
    re: given(part((i, k) => ((i * 7 + k) % 11 - 5) / 4), dtype),
    im: given(part((i) => ((i * 5) % 7 - 3) / 4), dtype),
  };
}

testGolden("NumPy", [golden.re, golden.im], ROWS);

Deno.test("Transforms: pullbacks equal differences; products are convolutions; what does not fit is refused", async () => {
  const x = t.tensor([[0.3, -1.2, 2.1, 0.4, 1.7, -0.6]], { dtype: "float64" });
  const power = (x: Tensor) => {
    const { re, im } = fft.rfft(x);
    return t.add(t.square(re), t.square(im));
  };
  await t.checkGrads(power, [x]);
  await t.checkGrads((x) => t.square(fft.irfft({ re: x, im: t.mul(x, x) })), [x]);
  const many = t.random.normal(t.random.key(0), [3, 8]);
  deepStrictEqual(await t.vmap(power)(many).data(), await power(many).data());
  throws(() => fft.fft(t.ones([3]), { axis: 1 }), t.ShapeError);
  throws(() => fft.fft({ re: t.ones([3]), im: t.ones([2]) }), t.ShapeError);
  throws(() => fft.fft(t.ones([3]), { size: 0 }), RangeError);
  throws(() => fft.fft(t.ones([3]), { norm: "all" as never }), RangeError);
  throws(() => fft.fft([1, 2] as never), TypeError);
});
