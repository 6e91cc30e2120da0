/** @file Runs cpu kernels without a device: assembles their text, lays out memory with poison around everything, runs ranges of items. */
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { WatKernel } from "../../../../tensor/compiler/kernel_text.ts";
import { assembleWat } from "../../../../tensor/devices/cpu/assembler/module.ts";
import { assertSameBytes } from "../../../support/wabt_bytes.ts";
import { type DType, sizeOf, type TensorSpec } from "../../../../tensor/spec.ts";

const POISON = 0x7fc00bad; // a NaN, and an absurd integer

type Run = (...args: readonly number[]) => void;

/** Values of an input or output as 4-byte elements. */
export type Words = Float32Array<ArrayBufferLike> | Int32Array<ArrayBufferLike> | Uint32Array<ArrayBufferLike>;

/** A tensor of the tests. */
export interface Sample extends TensorSpec {
  readonly data: Words;
}

function assemble(code: string): WebAssembly.Module {
  const text = `(module (import "env" "memory" (memory 1 65536 shared))\n${code}\n)`;
  assertSameBytes(text, "a kernel", {});
  return new WebAssembly.Module(assembleWat(text));
}

/** A kernel laid out in its own memory, ready to run. */
class LoadedKernel {
  readonly #kernel: WatKernel;
  readonly #memory: WebAssembly.Memory;
  readonly #inputs: readonly Sample[];
  readonly #output: TensorSpec;
  readonly #offsets: readonly number[];
  readonly #runs: readonly Run[];

  constructor(kernel: WatKernel, inputs: readonly Sample[], output: TensorSpec) {
    const sizes = [...inputs, output].map(({ shape }) => 4 * sizeOf(shape));
    const offsets = [64];
    for (const size of [...sizes, kernel.scratchBytes, kernel.localBytes]) {
      ok(Number.isInteger(size), `sizes are whole numbers: ${size}`);
      offsets.push(Math.ceil((offsets.at(-1)! + size) / 64) * 64 + 64);
    }
    const pages = Math.ceil(offsets.at(-1)! / 65536);
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    this.#runs = kernel.passes.map(({ code }) => {
      const instance = new WebAssembly.Instance(assemble(code), { env: { memory: this.#memory } });
      const run = instance.exports["run"] as Run;
      equal(run.length, inputs.length + 5, "parameters: inputs, output, scratch, local, begin, end");
      return run;
    });
    [this.#kernel, this.#inputs, this.#output, this.#offsets] = [kernel, inputs, output, offsets];
    new Uint32Array(this.#memory.buffer).fill(POISON);
    inputs.forEach(({ data }, i) =>
      this.#view(i, data.length).set(new Uint32Array(data.buffer, data.byteOffset, data.length))
    );
  }

  /** Runs all passes, their items in `ranges` ranges, the last first. */
  run(ranges = 1): void {
    this.#kernel.passes.forEach(({ items }, i) => {
      const ends = Array.from({ length: ranges + 1 }, (_, range) => Math.floor(items * range / ranges));
      for (let range = ranges; range > 0; range--) {
        this.#runs[i]!(...this.#offsets.slice(0, -1), ends[range - 1]!, ends[range]!);
      }
    });
  }

  /** Poisons all that may be written. */
  poison(): void {
    const first = this.#offsets[this.#inputs.length]!;
    new Uint32Array(this.#memory.buffer, first).fill(POISON);
  }

  /** A copy of the output, after checking that nothing around the tensors was written. */
  output(): Words {
    const last = this.#inputs.length;
    const words = this.#view(last, sizeOf(this.#output.shape)).slice();
    this.#inputs.forEach(({ data }, i) =>
      ok(
        this.#view(i, data.length).every((word, j) => word === new Uint32Array(data.buffer)[j]),
        `input ${i} is unchanged`,
      )
    );
    for (let i = 0; i <= last + 2; i++) {
      const guard = new Uint32Array(this.#memory.buffer, this.#offsets[i]! - 64, 16);
      if (i > 0) ok(guard.at(-1) === POISON, `memory after buffer ${i - 1} is unchanged`);
    }
    return typed(this.#output.dtype, words);
  }

  #view(i: number, length: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, this.#offsets[i]!, length);
  }
}

function typed(dtype: DType, words: Uint32Array): Words {
  if (dtype === "float32") return new Float32Array(words.buffer);
  return dtype === "int32" ? new Int32Array(words.buffer) : words;
}

/** Runs a kernel with its items in one range and in several, and checks that the bits agree. */
export function runKernel(kernel: WatKernel, inputs: readonly Sample[], output: TensorSpec): Words {
  const loaded = new LoadedKernel(kernel, inputs, output);
  loaded.run();
  const result = loaded.output();
  for (const ranges of [3, 7]) {
    loaded.poison();
    loaded.run(ranges);
    deepStrictEqual(new Uint32Array(loaded.output().buffer), new Uint32Array(result.buffer), `${ranges} ranges`);
  }
  return result;
}

/** Seeded floats in [-1, 1). */
export function randomFloats(shape: readonly number[], seed = 1): Sample {
  const next = generator(seed);
  return { shape, dtype: "float32", data: Float32Array.from({ length: sizeOf(shape) }, () => next() * 2 - 1) };
}

/** Seeded integers in [low, high). */
export function randomInts(shape: readonly number[], low: number, high: number, seed = 1): Sample {
  const next = generator(seed);
  return {
    shape,
    dtype: "int32",
    data: Int32Array.from({ length: sizeOf(shape) }, () => low + Math.floor(next() * (high - low))),
  };
}

/** Numbers in [0, 1): mulberry32. */
function generator(seed: number): () => number {
  const state = { value: seed };
  return () => {
    state.value = (state.value + 0x6d2b79f5) | 0;
    const a = Math.imul(state.value ^ (state.value >>> 15), 1 | state.value);
    const b = (a + Math.imul(a ^ (a >>> 7), 61 | a)) ^ a;
    return ((b ^ (b >>> 14)) >>> 0) / 4294967296;
  };
}

/** Checks that two results are the same to the bit; a list of all that differs would take minutes to write. */
export function assertSameBits(actual: Words, expected: Words): void {
  const [a, b] = [actual, expected].map(({ buffer, byteOffset, length }) =>
    new Uint32Array(buffer, byteOffset, length)
  );
  const at = a!.findIndex((bits, i) => bits !== b![i]);
  ok(actual.length === expected.length && at < 0, `element ${at} is ${actual[at]}, not ${expected[at]}`);
}

/** Checks values against float64 ones: every difference at most `tolerance` times `1 + Σ|terms|`, as `scale` tells. */
export function assertClose(actual: Words, expected: Float64Array, scale: number, label = ""): void {
  deepStrictEqual(actual.length, expected.length);
  const tolerance = 1e-6 * (1 + Math.sqrt(scale)) * 2;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    ok(difference <= tolerance, `${label} element ${i}: expected ${expected[i]}, got ${actual[i]}`);
  }
}
