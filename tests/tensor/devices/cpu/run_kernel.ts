/** @file Runs emitted kernels in a memory of their own. */
import { deepStrictEqual, fail } from "node:assert/strict";
import type { MapKernel, ReduceKernel } from "../../../../tensor/compiler/kernel.ts";
import type { WatKernel } from "../../../../tensor/compiler/kernel_text.ts";
import { emitMapWat } from "../../../../tensor/devices/cpu/emit/map.ts";
import { emitReduceWat } from "../../../../tensor/devices/cpu/emit/reduce.ts";
import { assertSameBytes } from "../../../support/wabt_bytes.ts";
import { assemble } from "../../../../tensor/devices/cpu/runtime/assemble.ts";
import { type DType, DTYPES, sizeOf, type TensorSpec } from "../../../../tensor/spec.ts";
import { interpret, outputsOf } from "./interpreter.ts";

/** A buffer of a test. */
export interface Sample extends TensorSpec {
  readonly data: readonly number[];
}

const POISON = 0x7fc0bad1;

function words(values: readonly number[], dtype: DType): Uint32Array {
  if (dtype === "float32") return new Uint32Array(Float32Array.from(values).buffer);
  return Uint32Array.from(values);
}

function numbers(words: Uint32Array, dtype: DType): readonly number[] {
  if (dtype === "bool") return [...words];
  const array = new DTYPES[dtype].Array(words.length);
  new Uint32Array(array.buffer).set(words);
  return [...array];
}

function emit(kernel: MapKernel | ReduceKernel, inputs: readonly Sample[]): WatKernel {
  if (kernel.kind === "reduce") return emitReduceWat(kernel, inputs);
  return emitMapWat(kernel, inputs, outputsOf(kernel));
}

function execute(kernel: MapKernel | ReduceKernel, inputs: readonly Sample[], split: number): readonly Uint32Array[] {
  const wat = emit(kernel, inputs);
  const outputs = outputsOf(kernel);
  const sizes = [
    ...inputs.map(({ data }) => 4 * data.length),
    ...outputs.map(({ shape }) => 4 * sizeOf(shape)),
    wat.scratchBytes,
    wat.localBytes,
  ];
  const addresses: number[] = [];
  const end = sizes.reduce((at, size) => {
    addresses.push(at);
    return at + Math.ceil(size / 64) * 64 + 64;
  }, 64);
  const memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65536), maximum: 65536, shared: true });
  const all = new Uint32Array(memory.buffer).fill(POISON);
  inputs.forEach(({ data, dtype }, i) => all.set(words(data, dtype), addresses[i]! / 4));
  const before = all.slice();
  for (const { code, items } of wat.passes) {
    assertSameBytes(`(module (import "env" "memory" (memory 1 65536 shared)) ${code})`, "a kernel", {});
    const instance = new WebAssembly.Instance(assemble(code, { relaxed: true }).module, { env: { memory } });
    const run = instance.exports.run as (...args: readonly number[]) => void;
    for (let part = split - 1; part >= 0; part--) {
      run(...addresses, Math.floor(items * part / split), Math.floor(items * (part + 1) / split));
    }
  }
  const results = outputs.map(({ shape }, i) => {
    const at = addresses[inputs.length + i]! / 4;
    const result = all.slice(at, at + sizeOf(shape));
    before.set(result, at);
    return result;
  });
  const scratch = addresses.at(-2)! / 4;
  deepStrictEqual(all.subarray(0, scratch), before.subarray(0, scratch), "the kernel wrote outside its output");
  const written = scratch + wat.scratchBytes / 4;
  const own = addresses.at(-1)! / 4;
  before.set(all.subarray(own, own + wat.localBytes / 4), own);
  deepStrictEqual(all.subarray(written), before.subarray(written), "the kernel wrote outside its scratch");
  return results;
}

/**
 * Runs a kernel in one part and in several, and compares with the interpreter: integers and bools exactly.
 *
 * @param kernel The kernel.
 * @param inputs What it reads.
 * @param tolerance Of floats, absolute and relative to the largest value.
 */
export function checkKernel(kernel: MapKernel | ReduceKernel, inputs: readonly Sample[], tolerance = 2e-6): void {
  const results = execute(kernel, inputs, 1);
  deepStrictEqual(execute(kernel, inputs, 3), results, "the split into ranges changes the result");
  const expected = interpret(kernel, inputs.map(({ data }) => data));
  const dtypes = outputsOf(kernel).map(({ dtype }) => dtype);
  results.forEach((result, k) => {
    const actual = numbers(result, dtypes[k]!);
    expected[k]!.forEach((value, i) => {
      const close = Object.is(actual[i], value) || actual[i] === value ||
        (dtypes[k] === "float32" && Math.abs(actual[i]! - value) <= tolerance * Math.max(1, Math.abs(value)));
      if (!close) fail(`output ${k} element ${i}: expected ${value}, got ${actual[i]}`);
    });
  });
}
