import { deepStrictEqual, doesNotThrow, equal, ok, rejects, throws } from "node:assert/strict";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../data/formats/safetensors.ts";
import { withFolder } from "../support.ts";

const TENSORS: Record<string, SafetensorsTensor> = {
  flags: { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) },
  weight: { dtype: "F32", shape: [2, 2], data: Float32Array.of(1.5, -0, NaN, Infinity) },
  double: { dtype: "F64", shape: [1], data: Float64Array.of(Math.PI) },
  half: { dtype: "F16", shape: [2], data: Uint16Array.of(0x3c00, 0x8000) },
  brain: { dtype: "BF16", shape: [1], data: Uint16Array.of(0x3f80) },
  step: { dtype: "I32", shape: [], data: Int32Array.of(-7) },
  key: { dtype: "U32", shape: [2], data: Uint32Array.of(0, 0xffffffff) },
  count: { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 60n)) },
  large: { dtype: "U64", shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
  bytes: { dtype: "I8", shape: [1], data: Int8Array.of(-1) },
  short: { dtype: "I16", shape: [1], data: Int16Array.of(-300) },
  word: { dtype: "U16", shape: [1], data: Uint16Array.of(300) },
  empty: { dtype: "F32", shape: [0, 4], data: new Float32Array(0) },
  "__proto__x/ünï": { dtype: "U8", shape: [1], data: Uint8Array.of(9) },
};

/** A file of a header given as text and `size` bytes of data. */
function fileOf(header: string, size: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + size);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

const entry = (begin: number, end: number, rest = '"dtype":"U8","shape":[4]') =>
  `{${rest},"data_offsets":[${begin},${end}]}`;

Deno.test("encodeSafetensors() and decodeSafetensors() keep every dtype, shape, name and text", () => {
  const metadata = { format: "test", "π": 'quoted "text"\n' };
  const file = encodeSafetensors(TENSORS, metadata);
  const { tensors, metadata: read } = decodeSafetensors(file);
  deepStrictEqual(read, metadata);
  deepStrictEqual(Object.keys(tensors).sort(), Object.keys(TENSORS).sort());
  for (const [name, tensor] of Object.entries(TENSORS)) deepStrictEqual(tensors[name], tensor, name);
  const reversed = Object.fromEntries(Object.entries(TENSORS).reverse());
  deepStrictEqual(encodeSafetensors(reversed, metadata), file);
  equal(Number(new DataView(file.buffer).getBigUint64(0, true)) % 8, 0);
  deepStrictEqual(decodeSafetensors(encodeSafetensors({})), { tensors: {}, metadata: {} });
});

Deno.test("decodeSafetensors() takes a view that is not aligned", () => {
  const file = encodeSafetensors(TENSORS);
  const larger = new Uint8Array(file.length + 3);
  larger.set(file, 3);
  deepStrictEqual(decodeSafetensors(larger.subarray(3)), decodeSafetensors(file));
});

Deno.test("encodeSafetensors() refuses data that do not fit the shape", () => {
  throws(
    () => encodeSafetensors({ w: { dtype: "F32", shape: [3], data: new Float32Array(2) } }),
    /tensor w as its shape \[3\] of F32 needs 12 bytes: current data has 8/,
  );
});

const BAD: readonly (readonly [name: string, file: Uint8Array, message: RegExp])[] = [
  ["nothing", new Uint8Array(0), /at least 8 bytes: current size is 0/],
  ["absurd header", new Uint8Array(16).fill(255), /2 to 25000000 bytes/],
  ["header beyond the end", fileOf("{}", 0).subarray(0, 9), /header of 2 bytes must be whole: current file of 9 bytes/],
  ["no JSON", fileOf("{oops", 0), /must be JSON in UTF-8/],
  ["no object", fileOf("[1]", 0), /must be a JSON object/],
  ["null", fileOf("null", 0), /must be a JSON object/],
  ["entry no object", fileOf('{"a":3}', 0), /tensor a must have a dtype/],
  ["unknown dtype", fileOf(`{"a":${entry(0, 4, '"dtype":"F8","shape":[4]')}}`, 4), /value is "F8"/],
  ["inherited dtype", fileOf(`{"a":${entry(0, 4, '"dtype":"toString","shape":[4]')}}`, 4), /value is "toString"/],
  ["negative shape", fileOf(`{"a":${entry(0, 4, '"dtype":"U8","shape":[-4]')}}`, 4), /integers of 0 or more/],
  [
    "shape overflow",
    fileOf(`{"a":${entry(0, 4, '"dtype":"U8","shape":[4294967296,4294967297]')}}`, 4),
    /as many bytes/,
  ],
  ["wrong bytes", fileOf(`{"a":${entry(0, 3)}}`, 3), /\[4\] of U8 needs, 4: current value is \[0,3\]/],
  ["falling offsets", fileOf(`{"a":${entry(4, 0)}}`, 4), /rising order/],
  ["overlap", fileOf(`{"a":${entry(0, 4)},"b":${entry(2, 6)}}`, 6), /tensor b at 2 overlaps .* ends at 4/],
  ["gap", fileOf(`{"a":${entry(0, 4)},"b":${entry(6, 10)}}`, 10), /tensor b at 6 leaves a gap/],
  ["truncated data", fileOf(`{"a":${entry(0, 4)}}`, 3), /is truncated/],
  ["trailing data", fileOf(`{"a":${entry(0, 4)}}`, 5), /bytes too many/],
  [
    "deep",
    fileOf(`{"a":{"dtype":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`, 0),
    /value is nested too deeply|value is \[\[/,
  ],
  ["metadata no text", fileOf('{"__metadata__":{"a":1}}', 0), /metadata must be texts/],
];

for (const [name, file, message] of BAD) {
  Deno.test(`decodeSafetensors() names file and reason: ${name}`, async () => {
    throws(() => decodeSafetensors(file, "x.safetensors"), message);
    throws(() => decodeSafetensors(file, "x.safetensors"), /^RangeError: Cannot read x\.safetensors as safetensors as/);
    await withFolder({ x: file }, (path) => rejects(readSafetensorsHeader(`${path}/x`), message));
  });
}

Deno.test("decodeSafetensors() never fails but with a named reason", () => {
  const whole = encodeSafetensors(TENSORS, { a: "b" });
  const draw = drawsOf(dataKey(1));
  let refused = 0;
  for (let i = 0; i < 3000; i++) {
    const file = i % 3 === 0 ? whole.slice(0, Math.floor(draw() * whole.length)) : whole.slice();
    for (let k = 0; k < 1 + i % 4 && i % 3; k++) {
      file[Math.floor(draw() * 700) % file.length] = Math.floor(draw() * 256);
    }
    try {
      decodeSafetensors(file, "fuzz");
    } catch (error) {
      ok(error instanceof RangeError && error.message.startsWith("Cannot read fuzz as safetensors"), String(error));
      refused++;
    }
  }
  ok(refused > 1000, `${refused}`);
});

Deno.test("writeSafetensors() and readSafetensors() keep a file, and leave the old one where writing fails", async () => {
  await withFolder({}, async (path) => {
    const file = `${path}/a.safetensors`;
    await writeSafetensors(file, TENSORS, { step: "1" });
    deepStrictEqual(await readSafetensors(file), decodeSafetensors(encodeSafetensors(TENSORS, { step: "1" })));
    const header = await readSafetensorsHeader(file);
    deepStrictEqual(header.tensors.weight!.shape, [2, 2]);
    equal(header.metadata.step, "1");
    const wrong = { w: { dtype: "F32", shape: [3], data: new Float32Array(2) } } as const;
    await rejects(writeSafetensors(file, wrong), RangeError);
    doesNotThrow(() => Deno.statSync(file));
    deepStrictEqual([...Deno.readDirSync(path)].map(({ name }) => name), ["a.safetensors"]);
    await rejects(readSafetensors(`${path}/b`), /Cannot read .*\/b as it must be a readable file/);
  });
});
