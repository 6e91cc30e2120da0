import { deepStrictEqual, equal, match, throws } from "node:assert/strict";
import { decodeStateDict, encodePth, FileTensor, PickleCall, PickleTuple } from "../../../data/mod.ts";
import { accountLines, backboneOf, renameWeight } from "../../../spark/mod.ts";
import { classesOf } from "../../../spark/commands/shared/weight_file.ts";
import { weightPath } from "../../../spark/commands/shared/weight_path.ts";
import { withFolder } from "../../data/support.ts";
import { dictOf, load, MODEL, seedOf, under } from "./layout_support.ts";

const zerosLike = (dict: ReadonlyMap<string, FileTensor>) =>
  new Map(
    [...dict].map(([name, { shape }]) =>
      [name, new FileTensor("F32", shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))] as const
    ),
  );
const of = (value: unknown, weights?: string) =>
  backboneOf(decodeStateDict(encodePth(value), "x.pth", weights === undefined ? {} : { weights }), MODEL);

const WRAPPED: readonly (readonly [string, (name: string) => string, readonly string[]])[] = [
  ["FSDP", (name) => `_fsdp_wrapped_module.${name.replace(/^(layer\d)\./, "$1._fsdp_wrapped_module.")}`, [
    "_fsdp_wrapped_module",
  ]],
  ["compiled blocks", (name) => `net.${name.replace(/^(layer\d\.\d)\./, "$1._orig_mod.")}`, ["_orig_mod"]],
  ["activation checkpointing in DDP", (name) => {
    return `module.${name.replace(/^(layer1\.0)\./, "$1._checkpoint_wrapped_module.")}`;
  }, ["_checkpoint_wrapped_module"]],
];

for (const [what, wrap, words] of WRAPPED) {
  Deno.test(`backboneOf() takes wrappers out of names, and says which: ${what}`, async () => {
    const dict = await dictOf(1, "official", MODEL, 3);
    const { params, account } = load([...dict].map(([name, x]) => [wrap(name), x] as const));
    deepStrictEqual([await seedOf(params), account.wrappers, account.headClasses], [1, words, 3]);
    match(accountLines(account)[0]!, new RegExp(`${words[0]}\\. taken off`));
  });
}

Deno.test("backboneOf() leaves names alone that would become one without their wrappers", async () => {
  const dict = await dictOf(1);
  const both = [...under("net.", dict), ...under("net._orig_mod.", await dictOf(2))];
  deepStrictEqual([await seedOf(load(both).params), load(both).account.sets], [1, ["net", "net._orig_mod"]]);
});

for (const key of ["optimizer", "optim_G", "grads", "momentum_buffer", "exp_avg"]) {
  Deno.test(`what training keeps of each weight is no set of weights, wherever it stands: ${key}`, async () => {
    const dict = await dictOf(1);
    const moments = new Map([["exp_avg", zerosLike(dict)], ["exp_avg_sq", zerosLike(dict)]]);
    const state = key.startsWith("optim") ? moments : zerosLike(dict);
    equal(await seedOf(of(new Map<string, unknown>([[key, state], ["weights", dict]])).params), 1);
    equal(await seedOf(load([...under(`${key}.`, zerosLike(dict)), ...under("weights.", dict)]).params), 1);
  });
}

Deno.test("a momentum encoder is a network, and can be asked for", async () => {
  const sets = new Map([["encoder", await dictOf(1)], ["momentum_encoder", await dictOf(2)]]);
  deepStrictEqual([await seedOf(of(sets).params), await seedOf(of(sets, "momentum_encoder").params)], [1, 2]);
});

Deno.test("backboneOf() reads the numbered children of nn.Sequential, and no other list", async () => {
  const place: Readonly<Record<string, string>> = { conv1: "0", bn1: "1", layer1: "4", layer2: "5" };
  const named = [...await dictOf(1)].map(([name, x]) => [name.replace(/^\w+/, (word) => place[word]!), x] as const);
  const { params, account } = load(under("backbone.", new Map(named)));
  deepStrictEqual([await seedOf(params), account.names, account.prefix], [1, "sequential", "backbone."]);
  equal(renameWeight("layer2.0.conv1.weight", "sequential"), "5.0.conv1.weight");
  throws(() => load(named.slice(1)), /must have 0\.weight: current/);
  throws(() => load(named.slice(-12)), /must have (?!0\.weight)/);
});

Deno.test("backboneOf() finds a head beside the encoder, if there is one only", async () => {
  const dict = await dictOf(1, "official", MODEL, 4);
  const heads = [...dict].filter(([name]) => name.startsWith("fc."));
  const body = under("backbone.", new Map([...dict].filter(([name]) => !name.startsWith("fc."))));
  const withHeads = (...prefixes: readonly string[]) =>
    load([...body, ...prefixes.flatMap((prefix) => under(prefix, new Map(heads)))]).account.headClasses;
  deepStrictEqual([withHeads("head."), withHeads("a.b."), withHeads("head.", "second.")], [4, 4, null]);
});

/** A weight of the first block in the place of which others stand; what the refusal advises. */
const ADVICE: readonly (readonly [name: string, advice: RegExp])[] = [
  ["layer1.0.conv1.weight_mask", /it is pruned: in Python, torch\.nn\.utils\.prune\.remove/],
  ["layer1.0.conv1.weight_orig", /torch\.nn\.utils\.remove_spectral_norm/],
  ["layer1.0.conv1.weight_g", /torch\.nn\.utils\.remove_weight_norm/],
  ["layer1.0.conv1.parametrizations.weight.original0", /parametrize\.remove_parametrizations\(module, "weight"\)/],
  ["layer1.0.conv1.base_layer.weight", /model\.merge_and_unload\(\)/],
  ["_flat_param", /shards of FSDP: .*StateDictType\.FULL_STATE_DICT/],
];

Deno.test("backboneOf() says what to do where a weight stands in parts", async () => {
  const dict = await dictOf(1);
  for (const [name, advice] of ADVICE) {
    const parts = [...dict].map(([key, x]) => [key === "layer1.0.conv1.weight" ? name : key, x] as const);
    throws(() => load(parts), advice, name);
    throws(() => load(parts), /must have layer1\.0\.conv1\.weight:/);
  }
  const empty = new FileTensor("F32", [0], new Float32Array(0));
  throws(
    () => load(new Map(dict).set("conv1.weight", empty)),
    /current shape is \[0\], which DeepSpeed's ZeRO 3 leaves/,
  );
});

Deno.test("classesOf() takes the names that scripts of PyTorch leave, in the order of their numbers", async () => {
  const weights = ["state_dict", await dictOf(1)] as const;
  const names = (...beside: readonly (readonly [string, unknown])[]) =>
    classesOf(decodeStateDict(encodePth(new Map<string, unknown>([...beside, weights])), "x.pth"));
  deepStrictEqual(names(["classes", ["b", "a"]]), ["b", "a"]);
  deepStrictEqual(names(["meta", new Map([["CLASSES", new PickleTuple(["x", "y"])]])]), ["x", "y"]);
  deepStrictEqual(names(["class_to_idx", new Map([["dog", 1], ["cat", 0]])]), ["cat", "dog"]);
  deepStrictEqual(names(["class_to_idx", new Map([["dog", 2], ["cat", 0]])]), null);
  deepStrictEqual(names(["classes", 5], ["class_names", ["q"]]), ["q"]);
});

/** Files in a folder that is no run, and what its refusal says. */
const FOLDERS: readonly (readonly [file: string, said: RegExp])[] = [
  ["__0_0.distcp", /parts of torch\.distributed\.checkpoint .*dcp_to_torch_save/],
  ["zero_to_fp32.py", /parts of DeepSpeed; run its zero_to_fp32\.py/],
  ["adapter_model.safetensors", /an adapter of PEFT; .*merge_and_unload/],
  ["saved_model.pb", /a SavedModel of TensorFlow/],
  ["model.ckpt-7.index", /a checkpoint of TensorFlow/],
  ["epoch_3.pth", /has none of them, but epoch_3\.pth; name one/],
  ["notes.txt", /has none of them$/],
];

for (const [file, said] of FOLDERS) {
  Deno.test(`weightPath() says what a folder holds instead: ${file}`, () =>
    withFolder({ [`x/${file}`]: new Uint8Array(1) }, (folder) => {
      throws(() => weightPath(`${folder}/x`, "--init"), said);
    }));
}

Deno.test("objects within tuples are counted as passed over: quantized weights", async () => {
  const packed = new PickleTuple([new PickleCall("torch._utils._rebuild_qtensor", [1]), null]);
  const dict = new Map<string, unknown>([...await dictOf(1), ["fc._packed_params", packed]]);
  deepStrictEqual(of(dict).account.passedOver, { "torch._utils._rebuild_qtensor": 1 });
});

Deno.test("a pickle of protocol 0 is told by name, with the remedy", () => {
  const bytes = new TextEncoder().encode("(dp0\nVw\np1\nI1\ns.");
  throws(
    () => decodeStateDict(bytes, "x.pkl"),
    /a Python pickle of protocol 0 or 1; load it in Python and dump it again/,
  );
});
