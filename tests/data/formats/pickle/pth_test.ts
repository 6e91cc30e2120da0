import { deepStrictEqual, equal, rejects, throws } from "node:assert/strict";
import { FileTensor, numbersOf } from "../../../../data/formats/file_tensor.ts";
import {
  orderedDict,
  PickleCall,
  PickleGlobal,
  PicklePersistent,
  PickleTuple,
} from "../../../../data/formats/pickle/pickle_value.ts";
import { decodePth, decodeTensorPickle, encodePth, readPth } from "../../../../data/formats/pickle/pth.ts";
import { encodeZip } from "../../../../data/formats/zip_writer.ts";
import { encodePickle } from "../../../../data/formats/pickle/pickle_writer.ts";

const fileOf = (name: string) => Deno.readFileSync(new URL(`../../../golden/files/${name}`, import.meta.url));

/** What make_pth_torch.py saved: type, shape and numbers. */
const STATE: readonly (readonly [name: string, dtype: string, shape: readonly number[], numbers: readonly number[]])[] =
  [
    ["plain", "F32", [2, 3, 4], Array.from({ length: 24 }, (_, i) => i)],
    ["transposed", "F32", [4, 2, 3], Array.from({ length: 24 }, (_, i) => i % 6 * 4 + Math.floor(i / 6))],
    ["strided", "F32", [3, 2], [12, 14, 16, 18, 20, 22]],
    ["offset", "F32", [4], [20, 21, 22, 23]],
    ["expanded", "F32", [3], [7, 7, 7]],
    ["half", "F16", [4], [1, -0.5, 65504, 2 ** -24]],
    ["brain", "BF16", [3], [1, -0.5, 1.0002555517425873e30]],
    ["double", "F64", [1], [0.1]],
    ["count", "I64", [], [2 ** 40]],
    ["short", "I16", [1], [-3]],
    ["bool", "BOOL", [2], [1, 0]],
    ["bytes", "U8", [1], [200]],
    ["empty", "F32", [0, 3], []],
    ["parameter", "F32", [1, 1], [1.5]],
  ];

for (const name of ["values.pth", "values_legacy.pth", "values_dumped.pkl"]) {
  Deno.test(`decodePth() and decodeTensorPickle() read what PyTorch saved: ${name}`, () => {
    const decode = name.endsWith(".pkl") ? decodeTensorPickle : decodePth;
    const whole = decode(fileOf(name), name) as Map<string, unknown>;
    const state = whole.get("module") as Map<string, FileTensor>;
    const found = [...state].map(([key, x]) => [key, x.dtype, x.shape, [...numbersOf(x)]]);
    deepStrictEqual(found, STATE);
    deepStrictEqual(whole.get("betas"), new PickleTuple([0.9, 0.95]));
    deepStrictEqual(whole.get("list"), [1, null, true, -70000, 2 ** 40, 2n ** 70n]);
    deepStrictEqual([whole.get("epoch"), whole.get("args")], [3, "x"]);
  });
}

Deno.test("decodeTensorPickle() refuses storages that are no files of PyTorch, and code in them", () => {
  const of = (bytes: unknown) => encodePickle(new PickleCall("torch.storage._load_from_bytes", [bytes]));
  throws(() => decodeTensorPickle(of(new Uint8Array(3)), "x.pkl"), /Cannot read x\.pkl as a PyTorch file/);
  throws(() => decodeTensorPickle(of("text"), "x.pkl"), /a storage must be bytes/);
  throws(() => decodeTensorPickle(of(fileOf("eval.pth")), "x.pkl"), /current name is __builtin__\.eval/);
});

Deno.test("encodePth() keeps tensors and values, shared tensors once, in equal bytes", () => {
  const w = new FileTensor("F32", [2, 2], Float32Array.of(1, 2, 3, 4));
  const half = new FileTensor("BF16", [1], Uint16Array.of(0x3f80));
  const value = new Map<unknown, unknown>([
    ["module", new Map<string, unknown>([["w", w], ["same", w], ["half", half]])],
    ["state", new Map([[0, [new PickleTuple([w, 1.5])]]])],
  ]);
  const bytes = encodePth(value);
  deepStrictEqual(decodePth(bytes), value);
  deepStrictEqual(encodePth(value), bytes);
  const once = encodePth(w);
  equal(encodePth([w, w]).length - once.length < 600, true);
  deepStrictEqual(decodePth(encodePth(orderedDict(new Map([["w", w]])))), new Map([["w", w]]));
});

Deno.test("encodePth() refuses dtypes that PyTorch lacks", () => {
  throws(() => encodePth(new FileTensor("U32", [1], Uint32Array.of(1))), /current dtype is U32$/);
});

for (const [name, culprit] of [["os_system.pth", "posix.system"], ["eval.pth", "__builtin__.eval"]] as const) {
  Deno.test(`decodePth() refuses code by its name: ${name}`, () => {
    throws(
      () => decodePth(fileOf(name), name),
      new RegExp(
        `^RangeError: Cannot read ${name} as a pickle .* no code of a file is ever run: current name is ${culprit}`,
      ),
    );
    throws(() => Deno.statSync("/tmp/pickle_ran_code"));
  });
}

/** A file whose pickle is `value`, and storages of given bytes. */
function archive(value: unknown, storages: Readonly<Record<string, number>> = {}): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => [`a/data/${key}`, [new Uint8Array(bytes)]] as const);
  return encodeZip(new Map([["a/data.pkl", [encodePickle(value)]], ...data]));
}

/** A tensor as PyTorch names it, of any sizes. */
const call = (offset: number, size: readonly number[], stride: readonly number[]) => {
  const id = new PickleTuple(["storage", new PickleGlobal("torch.FloatStorage"), "0", "cpu", 4]);
  const args = [new PicklePersistent(id), offset, new PickleTuple(size), new PickleTuple(stride), false];
  return new PickleCall("torch._utils._rebuild_tensor_v2", [...args, orderedDict(new Map())]);
};

/** A file with that tensor, and a storage of so many floats. */
const view = (offset: number, size: readonly number[], stride: readonly number[], numel = 4) =>
  archive(call(offset, size, stride), { 0: 4 * numel });

const BAD: readonly (readonly [name: string, bytes: () => Uint8Array, message: RegExp])[] = [
  ["nothing", () => new Uint8Array(0), /what torch.save writes: current file is an empty file/],
  ["no pickle", () => encodeZip(new Map([["x", []]])), /must hold data.pkl: current archive has 1 other/],
  ["truncated", () => fileOf("values.pth").subarray(0, 900), /truncated or something else/],
  ["truncated legacy", () => fileOf("values_legacy.pth").subarray(0, -5), /must have 1 bytes|must be whole|must have/],
  [
    "damaged",
    () => fileOf("values.pth").map((x, i) => i === 400 ? x ^ 1 : x),
    /checksum of values\/data.pkl must be/,
  ],
  ["outside", () => view(1, [4], [1]), /must lie in its storage: current size \[4\] ends at 4, storage has 4/],
  ["far outside", () => view(0, [2, 2], [2 ** 40, 1]), /must lie in its storage/],
  [
    "negative",
    () => view(0, [-1], [1]),
    /sizes of a tensor must be at most 32 integers of 0 or more: current value is -1/,
  ],
  ["bomb", () => view(0, [2 ** 20, 2 ** 20], [0, 0]), /must not unfold to many times the file/],
  ["short storage", () => view(0, [4], [1], 3), /storage 0 must have 16 bytes: current storage has 12/],
  ["missing storage", () => archive(call(0, [4], [1])), /must hold storage 0/],
  [
    "big-endian",
    () => encodeZip(new Map([["data.pkl", [encodePickle(1)]], ["byteorder", [text("big")]]])),
    /order is big/,
  ],
];

const text = (x: string) => new TextEncoder().encode(x);

for (const [name, bytes, message] of BAD) {
  Deno.test(`decodePth() names file and reason: ${name}`, () => {
    throws(() => decodePth(bytes(), "x.pth"), message);
    throws(() => decodePth(bytes(), "x.pth"), /^RangeError: Cannot read x\.pth/);
  });
}

Deno.test("view() of the tests makes valid files", () => {
  deepStrictEqual((decodePth(view(2, [2], [1])) as FileTensor).shape, [2]);
  equal(decodePth(archive("x", { 0: 4 })), "x");
});

Deno.test("readPth() names a file that is missing", async () => {
  await rejects(readPth("absent.pth"), /Cannot read absent.pth as it must be a readable file/);
});
