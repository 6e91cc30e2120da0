/** @file Shaders as text: where they declare, read and write their buffers. */
import type { WgslPass } from "../../../compiler/kernel.ts";

/** A buffer as a shader declares it. */
export interface Declared {
  /** Number of the binding. */
  readonly binding: number;
  readonly name: string;
  /** Type of its elements. */
  readonly type: string;
}

const DECLARATION = /@group\(0\) @binding\((\d+)\) var<storage, read_write> (\w+): array<([\w<>]+)>;/g;

/** What is put in place of the uses of buffers. */
export interface Uses {
  /** Expression in place of an element that is read. */
  read(name: string, index: string): string;
  /** Statement in place of one that writes an element. */
  write(name: string, index: string, value: string): string;
}

/**
 * Declares buffers in another way.
 *
 * @param code A shader.
 * @param change Gives the declaration to put in place of one.
 * @returns The shader.
 */
export function declareAnew(code: string, change: (buffer: Declared) => Declared): string {
  return code.replaceAll(
    DECLARATION,
    (_, binding, name, type) => declarationOf(change({ binding: Number(binding), name, type })),
  );
}

/**
 * Finds a declaration.
 *
 * @param code A shader.
 * @param binding Number of the binding.
 * @returns The buffer.
 */
export function declaredIn(code: string, binding: number): Declared {
  const [, , name, type] = [...code.matchAll(DECLARATION)].find(([, number]) => Number(number) === binding)!;
  return { binding, name: name!, type: type! };
}

/**
 * Binds further buffers after those that a pass has.
 *
 * @param pass The pass; its text uses them by their names.
 * @param buffers The buffers, with what they are to the kernel.
 * @returns The pass with their declarations.
 */
export function appendBuffers(
  { code, buffers: known, ...pass }: WgslPass,
  buffers: readonly (Omit<Declared, "binding"> & { readonly position: number })[],
): WgslPass {
  const declared = buffers.map(({ name, type }, i) => declarationOf({ binding: known.length + i, name, type }));
  return {
    ...pass,
    code: [code, ...declared].join("\n"),
    buffers: [...known, ...buffers.map(({ position }) => position)],
  };
}

/** Text of a declaration. */
export function declarationOf({ binding, name, type }: Declared): string {
  return `@group(0) @binding(${binding}) var<storage, read_write> ${name}: array<${type}>;`;
}

/**
 * Rewrites every use of some buffers.
 *
 * @param code A shader that reads and writes them as `name[index]` only.
 * @param names Their names.
 * @param uses What is put in place.
 * @returns The shader.
 * @throws {TypeError} If a buffer is used in another way.
 */
export function rewriteUses(code: string, names: readonly string[], uses: Uses): string {
  const use = new RegExp(`(?<![\\w.])(${names.join("|")})\\s*\\[`, "g");
  const parts: string[] = [];
  let done = 0;
  for (let match = use.exec(code); match; match = use.exec(code)) {
    const name = match[1]!;
    const end = closing(code, use.lastIndex);
    const index = rewriteUses(code.slice(use.lastIndex, end - 1), names, uses);
    parts.push(code.slice(done, match.index));
    const [assigned] = /^\s*=(?!=)/.exec(code.slice(end)) ?? [null];
    if (/^\s*([-+*/%&|^]|<<|>>)=(?!=)/.test(code.slice(end)) || code[match.index - 1] === "&") {
      throw new TypeError(
        `Cannot rewrite a shader as its buffers must be used as name[index]: current text is ${
          code.slice(match.index - 1, end + 4)
        }`,
      );
    }
    if (assigned === null) {
      parts.push(uses.read(name, index));
      done = end;
    } else {
      done = code.indexOf(";", end) + 1;
      const value = rewriteUses(code.slice(end + assigned.length, done - 1), names, uses);
      parts.push(uses.write(name, index, value.trim()));
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
