/**
 * Fourier transforms of any length. Complex numbers are records `{ re, im }` of two real tensors: trees, so that `grad`,
 * `vmap` and `jit` go through them.
 *
 * ```ts
 * import { fft, tensor } from "@tessera/tessera/tensor";
 *
 * const { re, im } = fft.rfft(tensor([1, 2, 3, 4]));
 * const back = fft.irfft({ re, im }); // 1, 2, 3, 4
 * ```
 *
 * @module
 */
export type { Complex } from "./complex.ts";
export { fft, fftfreq, type FftOptions, fftshift, ifft, ifftshift, irfft, rfft } from "./fft.ts";
