import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { readZip } from "../../../data/formats/zip_reader.ts";
import { encodeZip } from "../../../data/formats/zip_writer.ts";

const text = (x: string) => new TextEncoder().encode(x);
const FILES = new Map([["a.txt", [text("hello "), text("world")]], ["b/ü", []], ["c", [new Uint8Array(1000)]]]);

/** An archive, changed at a place that `find` points to. */
function changed(find: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = encodeZip(FILES);
  find(bytes, new DataView(bytes.buffer));
  return bytes;
}

/** Position of the directory, and of the end record. */
const places = (view: DataView) => ({
  directory: view.getUint32(view.byteLength - 6, true),
  end: view.byteLength - 22,
});

/** One deflated file with any declared size. */
function deflated(content: Uint8Array, size: number): Uint8Array {
  const packed = new Uint8Array(deflateRawSync(content));
  const bytes = encodeZip(new Map([["x", [packed]]]));
  const view = new DataView(bytes.buffer);
  const { directory } = places(view);
  view.setUint16(directory + 10, 8, true);
  view.setUint32(directory + 24, size, true);
  return bytes;
}

Deno.test("encodeZip() and readZip() keep files in order, data at multiples of 64", () => {
  const bytes = encodeZip(FILES);
  const files = readZip(bytes);
  deepStrictEqual([...files.keys()], ["a.txt", "b/ü", "c"]);
  equal(new TextDecoder().decode(files.get("a.txt")), "hello world");
  equal(files.get("c")!.byteOffset % 64, 0);
  deepStrictEqual(encodeZip(FILES), bytes);
  deepStrictEqual(readZip(encodeZip(new Map())), new Map());
});

Deno.test("readZip() inflates, and checks what comes out", () => {
  const content = text("abc".repeat(100));
  const archive = deflated(content, content.length);
  throws(() => readZip(archive), /the checksum of x must be/); // of the packed bytes
});

const BAD: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp])[] = [
  ["nothing", new Uint8Array(0), /file of 0 bytes is truncated/],
  ["truncated", encodeZip(FILES).subarray(0, -1), /truncated or something else/],
  ["start missing", encodeZip(FILES).subarray(50), /its directory must lie before its end|entry 0 is broken/],
  ["damaged data", changed((bytes) => bytes[64]! ^= 1), /the checksum of a.txt must be/],
  ["encrypted", changed((_, view) => view.setUint16(places(view).directory + 8, 1, true)), /must not be encrypted/],
  [
    "other method",
    changed((_, view) => view.setUint16(places(view).directory + 10, 12, true)),
    /must be able to hold|method/,
  ],
  [
    "size",
    changed((_, view) => view.setUint32(places(view).directory + 24, 12, true)),
    /11 bytes of a.txt must be able/,
  ],
  [
    "place",
    changed((_, view) => view.setUint32(places(view).directory + 42, 9, true)),
    /a.txt must start with its header/,
  ],
  ["count", changed((_, view) => view.setUint16(places(view).end + 10, 9, true)), /directory of 9 files|entry 3/],
  ["directory", changed((_, view) => view.setUint32(places(view).end + 16, 2 ** 31, true)), /must lie before its end/],
  [
    "overlap",
    changed((_, view) => view.setUint32(places(view).directory + 20, 5000, true)),
    /side by side|able to hold/,
  ],
  ["bomb", deflated(new Uint8Array(2000), 2 ** 31), /must be able to hold it: current declared size is 2147483648/],
  ["shorter than declared", deflated(new Uint8Array(2000), 2001), /2001 bytes that the directory says/],
  ["longer than declared", deflated(new Uint8Array(2000), 1999), /1999 bytes that the directory says/],
];

for (const [name, bytes, message] of BAD) {
  Deno.test(`readZip() names file and reason: ${name}`, () => {
    throws(() => readZip(bytes, { file: "x.zip" }), message);
    throws(() => readZip(bytes, { file: "x.zip" }), /^RangeError: Cannot read x\.zip as a zip archive as /);
  });
}

Deno.test("readZip() bounds the size of all files together", () => {
  throws(() => readZip(encodeZip(FILES), { maxBytes: 1000 }), /at most 1000 bytes: current files have 1011/);
});

Deno.test("readZip() refuses a name that comes twice", () => {
  const bytes = encodeZip(new Map([["aa", []], ["ab", []]]));
  const at = bytes.lastIndexOf("b".charCodeAt(0));
  bytes[at] = "a".charCodeAt(0);
  throws(() => readZip(bytes), /name aa comes twice/);
});
