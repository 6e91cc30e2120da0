/** @file WAT text to WebAssembly modules. */
import type wabt from "wabt";
import { DeviceError } from "../../../errors.ts";
import { recentMap } from "../../../recent_map.ts";

const FEATURES = { simd: true, threads: true, "relaxed_simd": true };

/**
 * The assembler. Documented cache: it is most of the bytes of the library, so that only who computes here loads it, once for
 * all devices.
 */
const assembler: { toolkit?: Awaited<ReturnType<typeof wabt>>; loading?: Promise<void> } = {};

/**
 * Loads the assembler.
 *
 * @returns Settles when it is there; `null` if it is already.
 */
export function loadAssembler(): Promise<void> | null {
  if (assembler.toolkit) return null;
  return assembler.loading ??= import("wabt").then(async ({ default: open }) => {
    assembler.toolkit = await open();
  });
}

/** An assembled kernel. */
export interface Kernel {
  /** The module as bytes. */
  readonly binary: Uint8Array<ArrayBuffer>;
  /** The module, compiled when it is first asked for. It imports its shared memory as `env.memory`. */
  readonly module: WebAssembly.Module;
}

/**
 * Where assembled kernels are kept beyond this process. What it gives back is run: nobody else may write there.
 */
export interface KernelStore {
  /** Finds the module that was made of a text. */
  get(text: string): Uint8Array<ArrayBuffer> | undefined;
  /** Keeps a module. */
  set(text: string, module: Uint8Array<ArrayBuffer>): void;
}

/**
 * Kernels by their full text. Documented cache: texts repeat between programs and within them. Some thousand are what a few
 * large networks need; programs hold on to their own.
 */
const kernels = recentMap<Kernel>({ entries: 4096, characters: 2 ** 26 });

/**
 * Makes a kernel of a module's bytes.
 *
 * @param binary A valid module.
 * @returns The kernel.
 */
export function kernelOf(binary: Uint8Array<ArrayBuffer>): Kernel {
  const made: { module?: WebAssembly.Module } = {};
  return {
    binary,
    get module() {
      return made.module ??= new WebAssembly.Module(binary);
    },
  };
}

const MADD = "f32x4.relaxed_madd";
const PLAIN_MADD = "(func $madd (param v128 v128 v128) (result v128) " +
  "(f32x4.add (f32x4.mul (local.get 0) (local.get 1)) (local.get 2)))";

function binaryOf(text: string): Uint8Array<ArrayBuffer> {
  const module = assembler.toolkit!.parseWat("kernel.wat", text, FEATURES);
  try {
    module.resolveNames();
    // The declared type lacks the parameter, without which shared memory does not validate.
    (module.validate as (features: typeof FEATURES) => void).call(module, FEATURES);
    return Uint8Array.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

/** `(module (func (param v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))` */
const RELAXED = "0061736d 01000000 01060160017b017b 03020100 0a0d010b00200020002000fd85020b";

/**
 * Tells whether the engine has the fused multiply-add of relaxed SIMD.
 *
 * @returns True if a module with it validates.
 */
export function hasRelaxedSimd(): boolean {
  const bytes = RELAXED.replaceAll(" ", "").match(/../g)!.map((byte) => parseInt(byte, 16));
  return WebAssembly.validate(Uint8Array.from(bytes));
}

/** How kernels are assembled. */
export interface AssembleOptions {
  /** False to replace fused multiply-adds by a multiplication and an addition. */
  readonly relaxed: boolean;
  /** Where else to look for kernels, and to keep them. */
  readonly store?: KernelStore | undefined;
}

function moduleText(code: string, relaxed: boolean): string {
  const plain = relaxed || !code.includes(MADD) ? code : `${PLAIN_MADD} ${code.replaceAll(MADD, "call $madd")}`;
  return `(module (import "env" "memory" (memory 1 65536 shared)) ${plain})`;
}

/** The kernel of a text, if it was assembled before. */
function knownKernel(text: string, store: KernelStore | undefined): Kernel | undefined {
  const known = kernels.get(text);
  if (known) return known;
  const kept = store?.get(text);
  if (kept) kernels.set(text, kernelOf(kept));
  return kernels.get(text);
}

/**
 * Tells whether a kernel can be had without the assembler.
 *
 * @param code The inside of a module that exports `run`.
 * @param options How it is assembled.
 * @returns True if it was assembled before.
 */
export function isAssembled(code: string, { relaxed, store }: AssembleOptions): boolean {
  return knownKernel(moduleText(code, relaxed), store) !== undefined;
}

/**
 * Assembles a kernel, if that was not done before. Else the assembler must be loaded.
 *
 * @param code The inside of a module that exports `run`.
 * @param options How to do that.
 * @returns The kernel.
 * @throws {DeviceError} If the text is not valid, with the reason.
 */
export function assemble(code: string, { relaxed, store }: AssembleOptions): Kernel {
  const text = moduleText(code, relaxed);
  const known = knownKernel(text, store);
  if (known) return known;
  try {
    const kernel = kernelOf(binaryOf(text));
    kernels.set(text, kernel);
    store?.set(text, kernel.binary);
    return kernel;
  } catch (error) {
    throw new DeviceError("cpu", `Cannot assemble a kernel as its text must be valid: current error is ${error}`, {
      cause: error,
    });
  }
}
