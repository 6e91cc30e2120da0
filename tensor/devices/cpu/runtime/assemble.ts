/** @file WAT text to WebAssembly modules. */
import { assembleWat, lineOfByte } from "../assembler/module.ts";
import { DeviceError } from "../../../errors.ts";
import { recentMap } from "../../../recent_map.ts";

/** An assembled kernel. */
export interface Kernel {
  /** The module as bytes. */
  readonly binary: Uint8Array<ArrayBuffer>;
  /** The module, compiled when it is first asked for. It imports the first memory as `env.memory`, others as `env.memory1` and so on. */
  readonly module: WebAssembly.Module;
}

/** Modules in order, each once. */
export type Modules = readonly Uint8Array<ArrayBuffer>[];

/** What was made of a kernel or a program, as it is kept. */
export interface Kept {
  /** Its modules, as bytes. */
  readonly modules: Modules;
  /** What else there is: plain data, as JSON takes it. */
  readonly data: unknown;
}

/**
 * Where assembled kernels are kept beyond this process. What it gives back is run: nobody else may write there.
 */
export interface KernelStore {
  /** Finds the module that was made of a text. */
  get(text: string): Uint8Array<ArrayBuffer> | undefined;
  /** Keeps a module. */
  set(text: string, module: Uint8Array<ArrayBuffer>): void;
  /** Finds what this version of the library has made of a kernel or program of this content: it need not be made again. */
  find?(content: string): Kept | undefined;
  /** Keeps it; its modules are kept already. */
  keep?(content: string, kept: Kept): void;
  /**
   * Finds the modules of the program that came after one in an earlier process, after none the first of the same command, so
   * that they can be compiled ahead; none if unknown.
   */
  next?(program: Modules): Modules;
  /** Keeps them. */
  setNext?(program: Modules, next: Modules): void;
}

/**
 * Kernels by their full text. Documented cache: texts repeat between programs and within them. Some thousand are what a few
 * large networks need; programs hold on to their own.
 */
const kernels = recentMap<Kernel>({ entries: 4096, characters: 2 ** 26 });

/** Kernels by their bytes: what two programs have in common is compiled once. Documented cache; weak. */
const kernelsOfBytes = new WeakMap<Uint8Array<ArrayBuffer>, Kernel>();

/**
 * Makes a kernel of a module's bytes.
 *
 * @param binary A valid module.
 * @returns The kernel, the same one for the same object.
 */
export function kernelOf(binary: Uint8Array<ArrayBuffer>): Kernel {
  const known = kernelsOfBytes.get(binary);
  if (known) return known;
  const made: { module?: WebAssembly.Module } = {};
  const kernel: Kernel = {
    binary,
    get module() {
      return made.module ??= new WebAssembly.Module(binary);
    },
  };
  kernelsOfBytes.set(binary, kernel);
  return kernel;
}

const MADD = "f32x4.relaxed_madd";
const PLAIN_MADD = "(func $madd (param v128 v128 v128) (result v128) " +
  "(f32x4.add (f32x4.mul (local.get 0) (local.get 1)) (local.get 2)))";

/** The bytes of a text, which the engine must take. */
function binaryOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = assembleWat(text);
  if (WebAssembly.validate(binary)) return binary;
  const { message } = reasonOf(binary);
  const byte = /(?:@\+|offset |at )(\d+)/.exec(message)?.[1];
  throw new TypeError(byte === undefined ? message : `${message}, line ${lineOfByte(text, Number(byte))}`);
}

/** Why the engine refuses a module. */
function reasonOf(binary: Uint8Array<ArrayBuffer>): Error {
  try {
    new WebAssembly.Module(binary);
  } catch (error) {
    return error as Error;
  }
  return new TypeError("the engine does not say why");
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

/**
 * Tells whether the engine has several memories.
 *
 * @returns True if a module of two validates.
 */
export function hasMemories(): boolean {
  return WebAssembly.validate(assembleWat("(module (memory 1) (memory 1))"));
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
 * Assembles a kernel, if that was not done before.
 *
 * @param code The inside of a module that exports `run`.
 * @param options How to do that.
 * @returns The kernel.
 * @throws {DeviceError} If the text is not valid, with the line and the reason.
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
