/** @file What wabt makes of a text: the truth that the assembler is held against. */
import { deepStrictEqual } from "node:assert/strict";
import wabt from "wabt";
import { assembleWat } from "../../tensor/devices/cpu/assembler/module.ts";

const FEATURES = { simd: true, threads: true, "relaxed_simd": true, "multi_memory": true };
const toolkit = await wabt();

/** The bytes of a module; throws what wabt says if it is none, or, where `valid`, if operands have wrong types. */
export function wabtBytes(text: string, valid = true): Uint8Array {
  const module = toolkit.parseWat("kernel.wat", text, FEATURES);
  try {
    module.resolveNames();
    // The declared type lacks the parameter, without which shared memory does not validate.
    if (valid) (module.validate as (features: typeof FEATURES) => void).call(module, FEATURES);
    return Uint8Array.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

/** Asserts that the assembler makes of a text the bytes that wabt makes. */
export function assertSameBytes(text: string, name: string, { valid = true }: { readonly valid?: boolean }): void {
  const hexadecimal = (bytes: Uint8Array) => bytes.toHex();
  deepStrictEqual(hexadecimal(assembleWat(text)), hexadecimal(wabtBytes(text, valid)), name);
}
