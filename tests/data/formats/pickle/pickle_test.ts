import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { decodePickle, readPickle } from "../../../../data/formats/pickle/pickle_reader.ts";
import { encodePickle } from "../../../../data/formats/pickle/pickle_writer.ts";
import { PickleCall, PickleFloat, PickleTuple } from "../../../../data/formats/pickle/pickle_value.ts";

/** A pickle of protocol 2 written by hand. */
const raw = (text: string) =>
  Uint8Array.from([0x80, 2, ...text].map((x) => typeof x === "number" ? x : x.charCodeAt(0)));

Deno.test("encodePickle() and decodePickle() keep plain values", () => {
  const numbers = [
    0,
    255,
    256,
    -1,
    65536,
    2 ** 31 - 1,
    -(2 ** 31),
    2 ** 31,
    2 ** 53 - 1,
    1.5,
    -0,
    NaN,
    Infinity,
    2n ** 64n,
  ];
  const value = new Map<unknown, unknown>([
    ["numbers", numbers],
    [7, new PickleTuple([null, true, false, new PickleTuple([])])],
    ["π", [[], new Map(), "", "a\n", Uint8Array.of(0, 128, 255)]],
  ]);
  for (const protocol of [2, 3] as const) deepStrictEqual(decodePickle(encodePickle(value, protocol), CODECS), value);
  equal(encodePickle(new PickleFloat(2))[2], 0x47);
});

const CODECS = {
  globals: { "_codecs.encode": ([x]: readonly unknown[]) => Uint8Array.from(String(x), (c) => c.charCodeAt(0)) },
};

Deno.test("readPickle() tells where a pickle ends", () => {
  const bytes = Uint8Array.from([...encodePickle("a"), ...encodePickle([2])]);
  const first = readPickle(bytes);
  deepStrictEqual(readPickle(bytes, { start: first.end }), { value: [2], end: bytes.length });
});

Deno.test("decodePickle() shares what the pickle shares", () => {
  const value = decodePickle(raw("](lq\x00K\x01ah\x00e.".replace("l", "]"))) as unknown[];
  equal(value[0], value[1]);
});

const BAD: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp])[] = [
  ["nothing", new Uint8Array(0), /1 bytes of its next value must follow: current file has 0 left/],
  ["text protocol", new TextEncoder().encode("I1\n."), /must start with its protocol/],
  ["protocol 9", Uint8Array.of(0x80, 9, 0x4e, 0x2e), /must be 2 to 5: current protocol is 9/],
  ["os.system", raw("cos\nsystem\nX\x02\0\0\0ls\x85R."), /current name is os.system/],
  ["stack global", raw("X\x02\0\0\0osX\x06\0\0\0system\x93."), /current name is os.system/],
  ["instance", raw("(ios\nsystem\n."), /operation is 0x69/],
  ["extension", raw("\x82\x01."), /operation is 0x82/],
  ["call of a number", raw("K\x01)R."), /a call must be of a name/],
  ["class with arguments", raw("ccollections\nOrderedDict\nK\x01\x85R."), /a dictionary must be made of pairs/],
  ["state of a number", raw("K\x01K\x02b."), /only arrays and dictionaries may have a state/],
  ["persistent id", raw("K\x01Q."), /it must be whole/],
  ["empty stack", raw("0."), /stack is empty/],
  ["below the mark", raw("K\x01(0."), /stack is empty/],
  ["no mark", raw("e."), /stack has none/],
  ["two values", raw("K\x01K\x02."), /one value must be left/],
  ["open mark", raw("K\x01(."), /stack is empty/],
  ["memo", raw("h\x05."), /number is 5/],
  ["items for a list", raw("]K\x01K\x02s."), /items must be pairs for a dictionary: current target is Array/],
  ["values for a dictionary", raw("}K\x01a."), /must be added to a list: current target is Map/],
  ["truncated text", raw("X\xff\xff\xff\x7fabc"), /2147483647 bytes of its next value must follow: current file has 3/],
  ["huge length", Uint8Array.from([0x80, 4, 0x8d, ...new Array(8).fill(255), 0x2e]), /must be below 2\^53/],
  ["long integer", Uint8Array.from([0x80, 2, 0x8b, 0, 16, 0, 0, ...new Array(4096).fill(1)]), /at most 256 bytes/],
  ["no UTF-8", raw("X\x01\0\0\0\xff."), /must be UTF-8/],
  ["in itself", raw("]q\x00h\x00a."), /nest at most 100 deep/],
  [
    "many values",
    Uint8Array.from({ length: 3_000_000 }, (_, i) => i === 0 ? 0x80 : i === 1 ? 2 : 0x7d),
    /at most \d+ operations/,
  ],
  [
    "large memo",
    Uint8Array.from({ length: 2_100_000 }, (_, i) => i === 0 ? 0x80 : i === 1 ? 4 : i === 2 ? 0x4e : 0x94),
    /memo is full/,
  ],
  ["deep", raw("]".repeat(5000) + "a".repeat(4999) + "."), /nest at most 100 deep/],
];

for (const [name, bytes, message] of BAD) {
  Deno.test(`decodePickle() names file and reason: ${name}`, () => {
    throws(() => decodePickle(bytes, { file: "x.pkl" }), message);
    throws(() => decodePickle(bytes, { file: "x.pkl" }), /^RangeError: Cannot read x\.pkl as a pickle as /);
  });
}

Deno.test("decodePickle() is not slowed by values that share their parts over and over", () => {
  const char = (i: number) => String.fromCharCode(i);
  // Lists of twice the list before: 2^90 leaves if each were visited.
  const levels = Array.from({ length: 90 }, (_, i) => `0](h${char(i)}h${char(i)}eq${char(i + 1)}`);
  const value = decodePickle(raw(`]q\0${levels.join("")}.`));
  equal(Array.isArray(value), true);
});

Deno.test("encodePickle() refuses what is not plain", () => {
  throws(() => encodePickle(() => 1), /^TypeError: Cannot write a pickle/);
  throws(() => encodePickle(2n ** 80n), /at most 72 bits/);
  equal(new PickleCall("a.b", []).items.size, 0);
});
