import { deepStrictEqual, equal, match, rejects, throws } from "node:assert/strict";
import { readSafetensors, writeSafetensors } from "../../../data/mod.ts";
import { type Model, namesOf, resnet, sgd } from "../../../nn/mod.ts";
import { init, load, pretrainOptimizer, readCheckpoint, restore, save, type TrainState } from "../../../spark/mod.ts";
import { full, random, type Tensor, treeLeaves } from "../../../tensor/mod.ts";

const model = (widths: readonly number[]): Model =>
  resnet({ name: "small", block: "basic", depths: [1, 1], widths, stemWidth: 4, stem: "light" });

const start = (seed: number, widths: readonly number[] = [4, 8]): TrainState =>
  init(model(widths), pretrainOptimizer({ learningRate: 1e-3 }), random.key(seed), { decoderWidth: 8 });

const valuesOf = (train: TrainState) => Promise.all((treeLeaves(train) as Tensor[]).map((x) => x.data()));

async function withFile(f: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await f(`${folder}/state.safetensors`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("load() returns the values, shapes and dtypes that save() was given", () =>
  withFile(async (path) => {
    const train = start(1);
    await save(path, train, { configuration: { step: 3 } });
    const loaded = await load(path, start(2));
    deepStrictEqual(await valuesOf(loaded), await valuesOf(train));
    deepStrictEqual((await readCheckpoint(path)).configuration, { step: 3 });
    deepStrictEqual(Object.keys((await readSafetensors(path)).tensors).sort(), [...namesOf(train)].sort());
  }));

Deno.test("save() of equal states writes equal bytes", () =>
  withFile(async (path) => {
    await save(path, start(1));
    const first = await Deno.readFile(path);
    await save(path, start(1));
    deepStrictEqual(await Deno.readFile(path), first);
  }));

Deno.test("save() refuses values that are not finite and leaves the old file", () =>
  withFile(async (path) => {
    await save(path, start(1));
    const before = await Deno.readFile(path);
    const train = start(1);
    const projection = { ...train.params.decoder.projection, weight: full([1, 1, 4, 3], NaN) };
    const broken = { ...train, params: { ...train.params, decoder: { ...train.params.decoder, projection } } };
    await rejects(
      save(path, broken),
      /^RangeError: Cannot save .*state.safetensors as every value must be finite: current value of params\.decoder\.projection\.weight at 0 is NaN$/,
    );
    deepStrictEqual(await Deno.readFile(path), before);
  }));

Deno.test("save() into a folder that is missing is an error that names the file", () =>
  withFile((path) => rejects(save(`${path}/absent/x`, start(1)), /^Error: Cannot write .*absent\/x/)));

Deno.test("load() refuses files that are missing, truncated or something else, naming them", () =>
  withFile(async (path) => {
    await rejects(load(path, start(1)), /^Error: Cannot read .*state.safetensors as it must be a readable file/);
    await save(path, start(1));
    const bytes = await Deno.readFile(path);
    for (const size of [0, 5, 100, bytes.length - 1]) {
      await Deno.writeFile(path, bytes.subarray(0, size));
      await rejects(load(path, start(1)), /^RangeError: Cannot read .*state.safetensors as safetensors/);
    }
    await writeSafetensors(path, {}, {});
    await rejects(load(path, start(1)), /must name the format tessera.spark.train\/1: current format is absent$/);
    await writeSafetensors(path, {}, { format: "tessera.spark.train/1", configuration: "{" });
    await rejects(readCheckpoint(path), /its configuration must be JSON: current text is \{$/);
  }));

Deno.test("load() refuses checkpoints of another model or optimizer, naming file and tensor", () =>
  withFile(async (path) => {
    await save(path, start(1));
    const refused = /^RangeError: Cannot restore .*state.safetensors as it must be of the same model and optimizer/;
    await rejects(load(path, start(1, [4, 16])), (error: Error) => {
      match(String(error), refused);
      match(
        error.message,
        /with optimizer\.links\.\S+ F32 \[16\]: current \S+ is F32 \[8\]$/,
      );
      return true;
    });
    const other = init(model([4, 8]), sgd({ learningRate: 1e-3, momentum: 0.9 }), random.key(1), { decoderWidth: 8 });
    await rejects(load(path, other), /with optimizer\.links\.\d\.velocity\.\S+ F32 .* is absent$/);
  }));

Deno.test("restore() refuses tensors too many", () =>
  withFile(async (path) => {
    await save(path, start(1));
    const checkpoint = await readCheckpoint(path);
    const extra = { dtype: "F32", shape: [1], data: Float32Array.of(1) } as const;
    throws(
      () => restore({ ...checkpoint, tensors: { ...checkpoint.tensors, more: extra } }, start(1)),
      /with more absent: current more is F32 \[1\]$/,
    );
    equal(restore(checkpoint, start(1)).key.dtype, "uint32");
  }));
