/** @file How shaders read and write elements in memory, and declare where these lie. */
import type { WgslBuffer, WgslMemory } from "../../../compiler/kernel_text.ts";

/** Types in memory of elements that are kept as float16. */
const HALVES: Readonly<Record<string, string>> = { f32: "f16", vec4f: "vec4h" };

/**
 * The memory that a pass sees where nothing joins it: elements as they lie, or float16 that is widened when read and rounded
 * when written, so that all that is computed stays float32.
 *
 * @param buffers The buffers of the pass.
 * @param halves Positions of those that hold float16.
 * @returns What writes the accesses.
 * @throws {TypeError} If such a buffer has elements that cannot be halved.
 */
export function plainMemory(buffers: readonly WgslBuffer[], halves: ReadonlySet<number>): WgslMemory {
  const narrow = new Map(
    buffers.filter(({ buffer }) => halves.has(buffer)).map((each) => [each.name, { ...each, half: halfOf(each) }]),
  );
  return {
    load(name, index) {
      const known = narrow.get(name);
      return known ? `${known.type}(${name}[${index}])` : `${name}[${index}]`;
    },
    store(name, index, value) {
      const known = narrow.get(name);
      return `${name}[${index}] = ${known ? `${known.half}(${value})` : value};`;
    },
    place: (name, index) => `${name}[${index}]`,
  };
}

function halfOf({ name, type }: WgslBuffer): string {
  const half = HALVES[type];
  if (half) return half;
  throw new TypeError(
    `Cannot store float16 as its buffer must hold f32 or vec4f: current declaration is ${name}: ${type}`,
  );
}

/**
 * The memory that a template sees to which a map is joined: one of its buffers is computed where it is read, or handed over
 * where it is written.
 *
 * @param memory That of all other buffers.
 * @param name The buffer.
 * @param own Its one access.
 * @returns What writes the accesses; those of the buffer that are not given are refused.
 */
export function joinedMemory(
  memory: WgslMemory,
  name: string,
  own: Pick<WgslMemory, "load"> | Pick<WgslMemory, "store">,
): WgslMemory {
  const joined = { ...REFUSED, ...own };
  const of = (other: string) => other === name ? joined : memory;
  return {
    load: (other, index) => of(other).load(other, index),
    store: (other, index, value) => of(other).store(other, index, value),
    place: (other, index) => of(other).place(other, index),
  };
}

const REFUSED: WgslMemory = {
  load: refuse("must not read its result"),
  store: refuse("must not write its operand"),
  place: refuse("must load and store elements only"),
};

function refuse(requirement: string) {
  return (name: string): never => {
    throw new TypeError(`Cannot join a map to a template as it ${requirement}: current buffer is ${name}`);
  };
}

/**
 * Declares the buffers of a pass.
 *
 * @param buffers The buffers, in the order of the bindings.
 * @param halves Positions of those that hold float16.
 * @returns A declaration for each.
 */
export function declarationsOf(buffers: readonly WgslBuffer[], halves: ReadonlySet<number>): readonly string[] {
  return buffers.map((each, binding) => {
    const type = halves.has(each.buffer) ? halfOf(each) : each.type;
    return `@group(0) @binding(${binding}) var<storage, read_write> ${each.name}: array<${type}>;`;
  });
}
