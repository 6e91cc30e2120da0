import {
  SAFETENSORS_ARRAYS,
  SAFETENSORS_BYTES,
  type SafetensorsArray,
  type SafetensorsDType,
} from "./safetensors_header.ts";
import type { SafetensorsTensor } from "./safetensors.ts";

/**
 * A tensor among the other values of a file: what PyTorch and NumPy files hold. The same as a `SafetensorsTensor`, as a
 * class so that it is told apart from other values.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { FileTensor } from "@tessera/tessera/data";
 *
 * deepStrictEqual(new FileTensor("F32", [2], Float32Array.of(1, 2)).shape, [2]);
 * ```
 */
export class FileTensor implements SafetensorsTensor {
  /** Data type. */
  readonly dtype: SafetensorsDType;
  /** Sizes of the axes, outermost first. */
  readonly shape: readonly number[];
  /** Row-major values. */
  readonly data: SafetensorsArray;

  /**
   * Puts a tensor together.
   *
   * @param dtype Data type.
   * @param shape Sizes of the axes.
   * @param data Row-major values.
   * @throws {RangeError} If the data do not have the bytes of the shape.
   */
  constructor(dtype: SafetensorsDType, shape: readonly number[], data: SafetensorsArray) {
    const bytes = shape.reduce((size, axis) => size * axis, 1) * SAFETENSORS_BYTES[dtype];
    if (bytes !== data.byteLength) {
      throw new RangeError(
        `Cannot make a tensor as its shape [${shape}] of ${dtype} needs ${bytes} bytes: current data has ${data.byteLength}`,
      );
    }
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }
}

/**
 * Sees bytes as values of a data type, without a copy where they are aligned.
 *
 * @param bytes Little-endian bytes, a multiple of the size of the type.
 * @param dtype Data type.
 * @returns The values.
 */
export function valuesOfBytes(bytes: Uint8Array, dtype: SafetensorsDType): SafetensorsArray {
  const size = SAFETENSORS_BYTES[dtype];
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new SAFETENSORS_ARRAYS[dtype](aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

/**
 * The values of a tensor as numbers.
 *
 * @param tensor Any data type; half precision is widened, 64-bit integers are rounded beyond 2^53.
 * @returns Row-major numbers; the tensor's own array where that holds numbers already.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { numbersOf } from "@tessera/tessera/data";
 *
 * const half = { dtype: "F16", shape: [2], data: Uint16Array.of(0x3c00, 0xc000) } as const;
 * deepStrictEqual([...numbersOf(half)], [1, -2]);
 * ```
 */
export function numbersOf({ dtype, data }: SafetensorsTensor): ArrayLike<number> & Iterable<number> {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  if (dtype === "F16") return Float32Array.from(data, halfToNumber);
  if (dtype !== "BF16") return data;
  const bits = Uint32Array.from(data, (half) => half << 16); // the upper half of a float32
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [bits >> 10 & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
