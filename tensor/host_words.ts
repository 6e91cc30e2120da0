/** @file Host values as the words of 32 bits in which devices keep them, and back. */
import { DTYPES, sizeOf, type TensorSpec, type TypedArray } from "./spec.ts";

/**
 * Packs host values as devices keep them: bools one a word, the rest byte by byte.
 *
 * @param values The host values of a tensor.
 * @param dtype Its dtype.
 * @returns The words; the memory of `values` itself where that will do.
 */
export function wordsOf(values: TypedArray, dtype: TensorSpec["dtype"]): Uint32Array<ArrayBuffer> {
  if (dtype === "bool") return Uint32Array.from(values);
  const { buffer, byteOffset, byteLength } = values;
  if ((byteOffset | byteLength) % 4 === 0) return new Uint32Array(buffer as ArrayBuffer, byteOffset, byteLength / 4);
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  new Uint8Array(words.buffer).set(new Uint8Array(buffer, byteOffset, byteLength));
  return words;
}

/**
 * Unpacks what a device kept.
 *
 * @param words The words of a tensor.
 * @param spec Its shape and dtype.
 * @returns The host values, in the memory of the words but for bool.
 */
export function valuesOfWords(words: Uint32Array, { shape, dtype }: TensorSpec): TypedArray {
  if (dtype === "bool") return Uint8Array.from(words);
  return new DTYPES[dtype].Array(words.buffer as ArrayBuffer, words.byteOffset, sizeOf(shape));
}
