import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { numbersOf } from "../../../data/formats/file_tensor.ts";
import { decodeNpy, decodeNpz, encodeNpy, encodeNpz, readNpz, writeNpz } from "../../../data/formats/npy.ts";
import { decodeNumpyPickle, encodeNumpyPickle, writeNumpyPickle } from "../../../data/formats/pickle/numpy_pickle.ts";
import { decodeStateDict, readStateDict } from "../../../data/formats/state_dict_file.ts";
import { FileTensor } from "../../../data/formats/file_tensor.ts";
import { encodeSafetensors } from "../../../data/formats/safetensors.ts";
import { encodePth } from "../../../data/formats/pickle/pth.ts";
import { withFolder } from "../support.ts";

const fileOf = (name: string) => Deno.readFileSync(new URL(`../../golden/files/${name}`, import.meta.url));
const seen = (tensors: Readonly<Record<string, FileTensor>>) =>
  Object.entries(tensors).map(([name, x]) => [name, x.dtype, x.shape, [...numbersOf(x)]]);

const ARRAYS = [
  ["a", "F32", [2, 3], [0, 1, 2, 3, 4, 5]],
  ["transposed", "F32", [3, 2], [0, 3, 1, 4, 2, 5]],
  ["scalar", "I64", [], [4]],
  ["half", "F16", [2, 3], [0, 1, 2, 3, 4, 5]],
  ["flags", "BOOL", [2], [1, 0]],
];

for (const name of ["arrays.npz", "arrays_compressed.npz"]) {
  Deno.test(`decodeNpz() reads what NumPy saved: ${name}`, () =>
    deepStrictEqual(seen(decodeNpz(fileOf(name))), ARRAYS));
}

for (const protocol of [2, 3, 4, 5]) {
  Deno.test(`decodeNumpyPickle() reads what NumPy saved: protocol ${protocol}`, () => {
    const file = decodeStateDict(fileOf(`arrays_${protocol}.pkl`), "arrays.pkl");
    const ints = ["ints", "I64", [3], [0, 1, 2]];
    deepStrictEqual(seen(file.tensors as Record<string, FileTensor>), [ARRAYS[0], ARRAYS[1], ints]);
    deepStrictEqual([file.container, file.extra.get("__author__")], ["pkl", "x"]);
  });
}

Deno.test("encodeNpz() and decodeNpz() keep all dtypes and shapes", async () => {
  const tensors = {
    a: new FileTensor("F64", [2, 0], new Float64Array(0)),
    b: new FileTensor("F16", [3], Uint16Array.of(1, 2, 3)),
    c: new FileTensor("U64", [], BigUint64Array.of(2n ** 63n)),
    d: new FileTensor("I8", [1, 2, 1], Int8Array.of(-1, 1)),
  };
  deepStrictEqual(decodeNpz(encodeNpz(tensors)), tensors);
  const { b, d } = tensors;
  const value = new Map([["model", new Map([["b", b], ["d", d]])]]);
  deepStrictEqual(decodeNumpyPickle(encodeNumpyPickle(value)), value);
  await withFolder({}, async (folder) => {
    await writeNpz(`${folder}/a.npz`, tensors);
    deepStrictEqual(await readNpz(`${folder}/a.npz`), tensors);
    await writeNumpyPickle(`${folder}/a.pkl`, value);
    deepStrictEqual((await readStateDict(`${folder}/a.pkl`)).tensors, { b, d });
  });
});

const text = (x: string) => new TextEncoder().encode(x);
const npy = (header: string, size = 0) => {
  const bytes = new Uint8Array(10 + header.length + size);
  bytes.set([0x93, ...text("NUMPY"), 1, 0, header.length, 0]);
  bytes.set(text(header), 10);
  return bytes;
};

for (
  const [name, bytes, message] of [
    ["nothing", new Uint8Array(0), /it must start so/],
    ["truncated", encodeNpy({ dtype: "F32", shape: [3], data: new Float32Array(3) }).subarray(0, -1), /needs 12 bytes/],
    ["no header", npy("x".repeat(50)), /must name descr/],
    ["objects", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8), /type is \|O/],
    ["big-endian", npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4), /type is >f4/],
    ["inherited", npy("{'descr': '<toString', 'fortran_order': False, 'shape': (1,), }", 4), /type is <toString/],
    ["huge", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999), }", 4), /needs 3\d+ bytes/],
  ] as const
) {
  Deno.test(`decodeNpy() names file and reason: ${name}`, () => {
    throws(() => decodeNpy(bytes, "x.npy"), message);
    throws(() => decodeNpy(bytes, "x.npy"), /^RangeError: Cannot read x\.npy as a NumPy array as /);
  });
}

Deno.test("decodeNumpyPickle() refuses code by its name", () => {
  throws(
    () => decodeNumpyPickle(fileOf("os_system.pkl"), "bad.pkl"),
    /Cannot read bad.pkl .* current name is posix.system/,
  );
});

Deno.test("decodeStateDict() knows containers by their content and finds the state dict", () => {
  const w = new FileTensor("F32", [1], Float32Array.of(2));
  const state = new Map([["w", w]]);
  const containers = [encodeSafetensors({ w }), encodePth(state), encodeNpz({ w }), encodeNumpyPickle(state)]
    .map((bytes) => decodeStateDict(bytes, "x"));
  deepStrictEqual(containers.map(({ container }) => container), ["safetensors", "pth", "npz", "pkl"]);
  for (const { tensors } of containers) deepStrictEqual(numbersOf(tensors.w!)[0], 2);
  for (const place of ["module", "state_dict", "model"]) {
    const file = decodeStateDict(encodePth(new Map<string, unknown>([["epoch", 2], [place, state]])), "x");
    deepStrictEqual([file.tensors, file.extra.get("epoch")], [{ w }, 2]);
  }
  throws(() => decodeStateDict(encodePth([1]), "x.pth"), /Cannot read x.pth as weights .* value is something else/);
  throws(() => decodeStateDict(encodePth(new Map([["a", 1]])), "x.pth"), /current keys are a$/);
  equal(decodeStateDict(encodePth(new Map<string, unknown>([["w", w], ["config", 1]])), "x").values.get("config"), 1);
});
