import { deepStrictEqual, equal, match, rejects, throws } from "node:assert/strict";
import { FileTensor } from "../../../data/formats/file_tensor.ts";
import { encodePth } from "../../../data/formats/pickle/pth.ts";
import { PickleCall, PickleGlobal, PickleObject, PickleTuple } from "../../../data/formats/pickle/pickle_value.ts";
import { encodeSafetensors } from "../../../data/formats/safetensors.ts";
import { decodeStateDict, readStateDict, type StateDictFile } from "../../../data/formats/state_dict_file.ts";
import { withFolder } from "../support.ts";

const golden = (name: string) => new URL(`../../golden/files/${name}`, import.meta.url).pathname;
const tensor = (...values: readonly number[]) => new FileTensor("F32", [values.length], Float32Array.from(values));
const scalar = (value: number) => new FileTensor("F32", [], Float32Array.of(value));
const rng = new FileTensor("U8", [5056], new Uint8Array(5056));
const weights = (value: number) =>
  new Map<string, unknown>(["a", "b", "c", "d"].map((name) => [name, tensor(value, value)]));
const dictionary = (items: Readonly<Record<string, unknown>>) => new Map<string, unknown>(Object.entries(items));
const moments = new Map([0, 1, 2, 3].map((i) => [i, dictionary({ exp_avg: tensor(0), exp_avg_sq: tensor(0) })]));
const optimizer = dictionary({ state: moments, param_groups: [dictionary({ params: [0, 1, 2, 3], lr: 0.1 })] });
const decoded = (value: unknown, options = {}): StateDictFile => decodeStateDict(encodePth(value), "x.pth", options);
const first = ({ tensors }: StateDictFile) => tensors.a?.data[0];

/** What scripts save: layout, the set that is taken, all sets. */
const LAYOUTS: readonly (readonly [name: string, value: unknown, set: string, sets: readonly string[]])[] = [
  ["the weights alone", weights(1), "", [""]],
  ["a loss beside", dictionary({ state_dict: weights(1), best_loss: scalar(0.5) }), "state_dict", ["state_dict"]],
  ["a loss first", dictionary({ best_acc1: scalar(0.5), state_dict: weights(1) }), "state_dict", ["state_dict"]],
  [
    "PyTorch's tutorial",
    dictionary({ epoch: 3, model_state_dict: weights(1), optimizer_state_dict: optimizer, loss: scalar(1) }),
    "model_state_dict",
    ["model_state_dict"],
  ],
  ["random state beside", dictionary({ rng, weights: weights(1), cuda_rng: [rng, rng] }), "weights", ["weights"]],
  ["a name of one's own", dictionary({ "my net": weights(1), step: 3 }), "my net", ["my net"]],
  ["two levels", dictionary({ checkpoint: dictionary({ model: weights(1), epoch: 2 }) }), "checkpoint.model", [
    "checkpoint.model",
  ]],
  ["a list", [dictionary({ epoch: 1 }), weights(1)], "1", ["1"]],
  ["a small projector", dictionary({ projector: dictionary({ w: tensor(1) }), backbone: weights(1) }), "backbone", [
    "backbone",
  ]],
  ["timm's average", dictionary({ state_dict: weights(0), state_dict_ema: weights(1) }), "state_dict_ema", [
    "state_dict",
    "state_dict_ema",
  ]],
  ["student and teacher", dictionary({ student: weights(0), teacher: weights(1) }), "teacher", ["student", "teacher"]],
  [
    "an average within",
    dictionary({ model: weights(0), ema: dictionary({ module: weights(1), decay: 0.9 }) }),
    "ema.module",
    ["model", "ema.module"],
  ],
  ["two networks", dictionary({ generator: weights(1), discriminator: weights(0) }), "generator", [
    "generator",
    "discriminator",
  ]],
];

for (const [name, value, set, sets] of LAYOUTS) {
  Deno.test(`decodeStateDict() takes the largest group of tensors: ${name}`, () => {
    const file = decoded(value);
    deepStrictEqual([first(file), file.set, file.sets], [1, set, sets]);
  });
}

Deno.test("decodeStateDict() takes the set that is asked for", () => {
  const value = dictionary({
    model: dictionary({ student: weights(1), teacher: weights(2) }),
    network_ema: weights(3),
    epoch: 4,
  });
  const of = (name: string) => first(decoded(value, { weights: name }));
  deepStrictEqual(
    ["model.student", "student", "teacher", "network_ema", "raw", "average"].map(of),
    [1, 1, 2, 3, 1, 2],
  );
  equal(decoded(value, { weights: "other" }).asked, "other");
  deepStrictEqual([...decoded(value, { weights: "teacher" }).extra.keys()], ["network_ema", "epoch", "student"]);
});

Deno.test("decodeStateDict() passes over what is no tensor, and says what it was", async () => {
  for (const name of ["objects.pth", "objects_legacy.pth", "objects_4.pth"]) {
    const file = await readStateDict(golden(name));
    deepStrictEqual(Object.entries(file.tensors).map(([key, { data }]) => [key, ...data]), [
      ["weight", 0, 1, 2, 3],
      ["bias", 5, 6],
    ]);
    const { extra, passedOver } = file;
    const plain = ["numpy_scalar", "numpy_int", "numpy_bool", "counter", "defaultdict", "bytes"];
    deepStrictEqual(plain.map((key) => extra.get(key)), [
      ...[0.5, 2 ** 40, true, new Map([[3, 2]]), new Map([["a", [1]]]), Uint8Array.of(97, 98, 99)],
    ]);
    deepStrictEqual(extra.get("numpy_array"), new FileTensor("F32", [3], Float32Array.of(0, 1, 2)));
    deepStrictEqual(extra.get("dtype"), new PickleGlobal("torch.float16"));
    deepStrictEqual(extra.get("device"), new PickleObject("torch.device", ["cuda", 0]));
    const namespace = extra.get("namespace") as PickleObject;
    deepStrictEqual([namespace.name, namespace.state], [
      "argparse.Namespace",
      dictionary({ lr: 0.1, arch: "resnet18" }),
    ]);
    deepStrictEqual((extra.get("settings") as PickleObject).items, dictionary({ epochs: 3 }));
    for (const passed of ["argparse.Namespace", "pathlib.PurePosixPath", "datetime.timedelta", "functools.partial"]) {
      equal(passedOver.get(passed), 1, passed);
    }
  }
});

Deno.test("decodeStateDict() refuses whole models and code, and says what to do", async () => {
  const refused = [
    [
      "module.pth",
      /whole model with its class, torch\.nn\.modules\.container\.Sequential; in Python: torch\.save\(torch\.load\(".*module\.pth"\)\.state_dict\(\)/,
    ],
    ["module_legacy.pth", /whole model with its class, torch\.nn\.modules\.container\.Sequential/],
    ["module_inside.pth", /torch\.load\(".*module_inside\.pth"\)\["net"\]\.state_dict\(\)/],
    ["script.pt", /TorchScript.*torch\.save\(torch\.jit\.load\(".*script\.pt"\)\.state_dict\(\)/],
    ["os_system.pth", /no code of a file is ever run: current name is posix\.system/],
  ] as const;
  for (const [name, message] of refused) await rejects(readStateDict(golden(name)), message);
  const module = new PickleCall("models.Net", [], {
    state: dictionary({ _parameters: weights(1), _modules: new Map(), _buffers: new Map() }),
  });
  throws(() => decoded(dictionary({ epoch: 1, ema: module })), /whole model with its class, models\.Net; .*\["ema"\]/);
  throws(
    () => decoded(dictionary({ epoch: 1, note: "x" })),
    /must hold a dictionary of tensors: current keys are epoch, note/,
  );
});

Deno.test("decodeStateDict() does not call what an object of a file asks for", () => {
  const strange = new PickleCall("my.module.make", [new PickleTuple(["x"])], { state: dictionary({ w: tensor(9) }) });
  const file = decoded(dictionary({ hook: strange, net: weights(1) }));
  deepStrictEqual([first(file), file.passedOver], [1, new Map([["my.module.make", 1]])]);
});

const latin = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

Deno.test("readStateDict() names the true kind of what is no file of weights", () =>
  withFolder({
    "a.pth": latin("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102470465\n"),
    "b.pth": latin("<!DOCTYPE html>\n<html>"),
    "c.safetensors": latin("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "d.safetensors": latin('{"error": "not found"}'),
    "e.pth": latin("Entry not found"),
    "f.safetensors": new Uint8Array(0),
  }, async (folder) => {
    const kinds = {
      "a.pth": /a Git LFS pointer, not the file itself; fetch the file with git lfs pull/,
      "b.pth": /an HTML page; .*download the file itself/,
      "c.safetensors": /a PNG image/,
      "d.safetensors": /a JSON file/,
      "e.pth": /a text file/,
      "f.safetensors": /an empty file/,
    };
    for (const [name, kind] of Object.entries(kinds)) {
      await rejects(readStateDict(`${folder}/${name}`), kind);
      await rejects(
        readStateDict(`${folder}/${name}`),
        new RegExp(`Cannot read ${folder}/${name} as weights as it must`),
      );
    }
  }));

const shard = (name: string, value: number) => encodeSafetensors({ [name]: tensor(value) });
const index = (...names: readonly unknown[]) =>
  latin(JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(names.map((name, i) => [`w${i}`, name])) }));

Deno.test("readStateDict() reads all shards of an index", () =>
  withFolder({
    "m.safetensors.index.json": index("m-1.safetensors", "m-2.safetensors", "m-1.safetensors"),
    "m-1.safetensors": shard("w0", 1),
    "m-2.safetensors": shard("w1", 2),
    "p.bin.index.json": index("p-1.bin", "p-2.bin"),
    "p-1.bin": encodePth(dictionary({ w0: tensor(3) })),
    "p-2.bin": encodePth(dictionary({ w1: tensor(4) })),
    "up.json": index("../m-1.safetensors"),
    "gone.json": index("gone.safetensors"),
    "none.index.json": latin("{}"),
  }, async (folder) => {
    const values = async (name: string) =>
      Object.entries((await readStateDict(`${folder}/${name}`)).tensors).map(([key, { data }]) => `${key} ${data[0]}`);
    deepStrictEqual(await values("m.safetensors.index.json"), ["w0 1", "w1 2"]);
    deepStrictEqual(await values("p.bin.index.json"), ["w0 3", "w1 4"]);
    await rejects(readStateDict(`${folder}/up.json`), /must name files beside it in weight_map/);
    await rejects(readStateDict(`${folder}/none.index.json`), /must name files beside it in weight_map/);
    await rejects(
      readStateDict(`${folder}/gone.json`),
      /Cannot read .*gone\.safetensors as it must be a readable file/,
    );
    match((await readStateDict(`${folder}/m.safetensors.index.json`)).path, /index\.json$/);
  }));
