/**
 * Reads JSON.
 *
 * @param content Text, or bytes of UTF-8; a byte order mark is left out.
 * @param path Its file, for errors.
 * @param kind What the file should be, for errors: `a configuration`.
 * @returns What it holds.
 * @throws {RangeError} If it is no UTF-8 or no JSON, naming the file.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual, throws } from "node:assert/strict";
 * import { parseJson } from "@tessera/tessera/data";
 *
 * deepStrictEqual(parseJson("[1, 2]", "a.json", "a list"), [1, 2]);
 * throws(() => parseJson("[1, 2", "a.json", "a list"), /Cannot read a.json as a list as it must be JSON/);
 * ```
 */
export function parseJson(content: Uint8Array | string, path: string, kind: string): unknown {
  try {
    const text = typeof content === "string" ? content : new TextDecoder("utf-8", { fatal: true }).decode(content);
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    const { message } = cause as Error;
    throw new RangeError(`Cannot read ${path} as ${kind} as it must be JSON: current error is ${message}`, { cause });
  }
}
