/** @file Keys of caches: text that is equal for equal plain data only, and for one and the same object otherwise. */

/** Numbers of functions, records and other objects that are themselves and not their contents. Documented cache; weak. */
const numbers = new WeakMap<object, number>();
const counter = { next: 0 };

/**
 * Numbers an object, so that it can stand in a key.
 *
 * @param x A function, a primitive's record or any object that is told apart from one with equal contents.
 * @returns A number that no other object of this process has.
 */
export function idOf(x: object): number {
  const known = numbers.get(x) ?? counter.next++;
  numbers.set(x, known);
  return known;
}

/** Stands before the number of an object, which is another one in each process. */
export const NUMBERED = "@";

/** True of records: objects of no class. */
export function isPlain(x: object): x is Readonly<Record<string, unknown>> {
  const prototype = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

/** Deepest nesting of plain data: writing it uses the call stack. */
const DEEPEST = 1000;

function textOfObject(x: object, depth: number): string {
  if (depth > DEEPEST) {
    throw new TypeError(
      `Cannot tell plain data by its contents as it must be nested at most ${DEEPEST} deep: current depth is more; let no ` +
        "static value contain itself",
    );
  }
  const inner = (part: unknown) => textOf(part, depth + 1);
  if (Array.isArray(x)) return `[${Array.from(x, inner)}]`;
  if (ArrayBuffer.isView(x) && !(x instanceof DataView)) {
    return `${x.constructor.name}[${Array.from(x as Uint8Array, inner)}]`;
  }
  if (!isPlain(x)) return `${NUMBERED}${idOf(x)}`;
  return `{${Object.keys(x).sort().map((key) => `${JSON.stringify(key)}:${inner(x[key])}`)}}`;
}

/**
 * Writes a value as the key of a cache. Unlike JSON it tells infinities, NaN, -0, `null`, `undefined`, strings and bigints
 * apart; a function or an object of a class is itself, not its contents; the order of a record's keys does not matter.
 *
 * @param x Plain data: the settings of a primitive, static arguments.
 * @param depth How deep it is nested in other data.
 * @returns Text that is equal for equal data.
 * @throws {TypeError} If it is nested more than 1,000 deep, or contains itself.
 */
export function textOf(x: unknown, depth: number = 0): string {
  if (typeof x === "string") return JSON.stringify(x);
  if (Object.is(x, -0)) return "-0";
  if (typeof x === "bigint") return `${x}n`;
  if (typeof x === "function") return `${NUMBERED}${idOf(x)}`;
  if (typeof x === "object" && x !== null) return textOfObject(x, depth);
  return String(x);
}
