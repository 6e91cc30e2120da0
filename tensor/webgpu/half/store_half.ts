/** @file Shaders whose buffers hold float16: values are widened when read and rounded when written. */
import type { WgslPass } from "../../compiler/kernel.ts";

/** Types in registers and in memory of elements that can be halved. */
const HALVES: Readonly<Record<string, string>> = { f32: "f16", vec4f: "vec4h" };

const DECLARATION = /@binding\((\d+)\) var<storage, read_write> (\w+): array<([\w<>]+)>;/g;

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
  const declared = pass.code.replaceAll(DECLARATION, (text, binding, name, type) => {
    if (!halves.has(pass.buffers[Number(binding)]!)) return text;
    const half = HALVES[type] ?? refuse(`hold f32 or vec4f`, `${name}: ${type}`);
    types.set(name, type);
    return `@binding(${binding}) var<storage, read_write> ${name}: array<${half}>;`;
  });
  return types.size === 0 ? pass : { ...pass, code: `enable f16;\n${convert(declared, types)}` };
}

/** Converts every use of the named buffers. */
function convert(code: string, types: ReadonlyMap<string, string>): string {
  const use = new RegExp(`(?<![\\w.])(${[...types.keys()].join("|")})\\s*\\[`, "g");
  const parts: string[] = [];
  let done = 0;
  for (let match = use.exec(code); match; match = use.exec(code)) {
    const [name, type] = [match[1]!, types.get(match[1]!)!];
    const end = closing(code, use.lastIndex);
    const element = `${name}[${convert(code.slice(use.lastIndex, end - 1), types)}]`;
    parts.push(code.slice(done, match.index));
    const [assigned] = /^\s*=(?!=)/.exec(code.slice(end)) ?? [null];
    if (/^\s*([-+*/%&|^]|<<|>>)=(?!=)/.test(code.slice(end)) || code[match.index - 1] === "&") {
      refuse("be used as name[index]", code.slice(match.index - 1, end + 4));
    }
    if (assigned === null) {
      parts.push(`${type}(${element})`);
      done = end;
    } else {
      done = code.indexOf(";", end);
      const value = convert(code.slice(end + assigned.length, done), types);
      parts.push(`${element} = ${HALVES[type]}(${value.trim()})`);
    }
    use.lastIndex = done;
  }
  return parts.join("") + code.slice(done);
}

/** The position after the bracket that closes the one before `from`. */
function closing(code: string, from: number): number {
  let depth = 1;
  let at = from;
  while (depth > 0) {
    depth += code[at] === "[" ? 1 : code[at] === "]" ? -1 : 0;
    at++;
  }
  return at;
}

function refuse(requirement: string, found: string): never {
  throw new TypeError(`Cannot store float16 as its buffer must ${requirement}: current text is ${found}`);
}
