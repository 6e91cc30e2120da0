/** @file Shaders whose buffers hold float16: values are widened when read and rounded when written. */
import type { WgslPass } from "../../../compiler/kernel.ts";
import { declareAnew, rewriteUses } from "../emit/buffer_uses.ts";

/** Types in registers and in memory of elements that can be halved. */
const HALVES: Readonly<Record<string, string>> = { f32: "f16", vec4f: "vec4h" };

/**
 * Lets a pass read and write some of its buffers as float16. All that it computes stays float32.
 *
 * @param pass Any pass; such a buffer is read and written as `name[index]` only.
 * @param halves Positions in `[...inputs, ...outputs, scratch]` that hold float16.
 * @returns The pass with `f16` or `vec4h` elements in these buffers.
 * @throws {TypeError} If a buffer holds neither `f32` nor `vec4f`, or is used in another way.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { storeHalf } from "./store_half.ts";
 *
 * const code = "@group(0) @binding(0) var<storage, read_write> x: array<f32>; fn move() { x[0] = x[1]; }";
 * const narrow = storeHalf({ code, buffers: [0], workgroups: 1 }, new Set([0]));
 * ok(narrow.code.includes("x: array<f16>"));
 * ```
 */
export function storeHalf(pass: WgslPass, halves: ReadonlySet<number>): WgslPass {
  const types = new Map<string, string>();
  const declared = declareAnew(pass.code, (buffer) => {
    const { binding, name, type } = buffer;
    if (!halves.has(pass.buffers[binding]!)) return buffer;
    types.set(name, type);
    return { ...buffer, type: HALVES[type] ?? refuse(`${name}: ${type}`) };
  });
  if (types.size === 0) return pass;
  const code = rewriteUses(declared, [...types.keys()], {
    read: (name, index) => `${types.get(name)}(${name}[${index}])`,
    write: (name, index, value) => `${name}[${index}] = ${HALVES[types.get(name)!]}(${value});`,
  });
  return { ...pass, code: `enable f16;\n${code}` };
}

function refuse(found: string): never {
  throw new TypeError(`Cannot store float16 as its buffer must hold f32 or vec4f: current declaration is ${found}`);
}
