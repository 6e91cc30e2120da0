/** @file What runs read beside images that is fuzzed: their own files, options, masks, indices of weights. */
import { dirname } from "node:path";
import { encodeSafetensors, readStateDict } from "../../data/mod.ts";
import { readConfig } from "../../spark/commands/cli/config_file.ts";
import { parseMasks } from "../../spark/commands/shared/mask_file.ts";
import { PRETRAIN_OPTIONS, type PretrainOptions } from "../../spark/commands/shared/pretrain_options.ts";
import { resumeOptions, settleOptions } from "../../spark/commands/shared/settled_options.ts";
import { pictureResults } from "../../spark/train/results/picture_results.ts";
import { logWriter } from "../../spark/train/results/run_log.ts";
import { lockFolder } from "../../spark/train/run_lock.ts";
import { resumedRun } from "../../spark/train/run_start.ts";
import type { StepRecord } from "../../spark/train/metrics.ts";
import type { TrainState } from "../../spark/mod.ts";
import { parseTuning, tuningText } from "../../tensor/kernel.ts";
import { innerJson } from "./mutate.ts";
import type { Target } from "./target.ts";

const text = (value: string) => new TextEncoder().encode(value);
const json = (value: unknown) => text(JSON.stringify(value));
const jsonSeeds = (...values: readonly unknown[]) => () => Promise.resolve(values.map(json));

/** Calls a function with a new folder whose name begins with a path: errors name it. */
async function within(path: string, f: (folder: string) => unknown): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: dirname(path), prefix: `${path.slice(path.lastIndexOf("/") + 1)}.` });
  try {
    await f(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const shard = (name: string) =>
  encodeSafetensors({ [name]: { dtype: "F32", shape: [2, 3], data: new Float32Array(6) } }, {});

/** An index with both of its shards beside it. */
function readIndex(bytes: Uint8Array, path: string): Promise<void> {
  return within(path, async (folder) => {
    await Deno.writeFile(`${folder}/a-1-of-2.safetensors`, shard("a"));
    await Deno.writeFile(`${folder}/a-2-of-2.safetensors`, shard("b"));
    await Deno.writeFile(`${folder}/a.safetensors.index.json`, bytes);
    await readStateDict(`${folder}/a.safetensors.index.json`);
  });
}

const OPTIONS = settleOptions({ model: "tiny_resnet8", data: "images" });
const tensors = { "params.a": { dtype: "F32", shape: [2], data: new Float32Array(2) } } as const;

/** A checkpoint as `save` writes it, of some tensors only: what it says of its run is what is damaged. */
const checkpoint = () =>
  encodeSafetensors(tensors, {
    format: "tessera.spark.train/1",
    configuration: JSON.stringify({ options: OPTIONS, images: "8-0123456789abcdef", step: 3 }),
  });

/** Damages the header of a checkpoint below its length: the numbers of its configuration, or its text. */
function innerCheckpoint(bytes: Uint8Array, draw: () => number): Uint8Array {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const configuration = innerJson(text(header.__metadata__.configuration), draw);
  header.__metadata__.configuration = new TextDecoder().decode(configuration);
  return encodeSafetensors(tensors, header.__metadata__);
}

/** As `--resume` reads a run: its folder, checkpoint, options and log, and goes on with the log, curve and report. */
function resume(file: string, others: Readonly<Record<string, Uint8Array>>) {
  return (bytes: Uint8Array, path: string): Promise<void> =>
    within(path, async (out) => {
      for (const [name, content] of Object.entries({ ...others, [file]: bytes })) {
        await Deno.writeFile(`${out}/${name}`, content);
      }
      const start = { task: "pretrain", out: undefined, pictures: "pictures" as const };
      const { log, lock, folder } = await resumedRun<PretrainOptions, never>(
        out,
        (saved) => resumeOptions(saved, {}),
        start,
      );
      try {
        const { lines } = logWriter({ stepsPerEpoch: 4, total: 8, batchSize: 2 }, log.records, () => 0)([STEPS[3]!]);
        if (!lines.includes('"step":4')) throw new Error("the log does not go on");
        const run = { title: "run", before: log, total: 8, about: {}, tell: () => {}, emit: () => {} };
        const results = pictureResults(folder, { ...run, paint: () => Promise.resolve([[DOT]]) });
        results.log!([STEPS[3]!], []);
        await results.afterSave!(null as unknown as TrainState, 4);
      } finally {
        lock[Symbol.dispose]();
      }
    });
}

const DOT = { width: 1, height: 1, channels: 3, data: new Uint8Array(3) } as const;

const STEPS = [1, 2, 3, 4].map((step): StepRecord => ({
  ...{ step, epoch: step / 4, loss: 1 / step, gradientNorm: 0.5, learningRate: 1e-3, weightDecay: 0.04 },
  imagesPerSecond: 20,
}));

const LOG = [
  { name: "run", cmd: "pretrain --data images", model: "tiny_resnet8" },
  ...STEPS,
  { cur_ep: "1/2", last_L: 0.5, rema: "0:00:01", fini: "2026-01-01T00:00:00.000Z" },
  { heldOut: 4, val: { loss: 0.7, images: 2 } },
].map((line) => JSON.stringify(line)).join("\n");

const TABLE = {
  adapter: "a",
  tiles: { "rows 8": { kind: "workgroup" as const, rows: 4, columns: 4, across: 8, down: 8, depth: 8 } },
};

/** All of them. */
export const RUN_TARGETS: readonly Target[] = [
  {
    name: "config",
    seeds: jsonSeeds(
      { "batch-size": 8, inputSize: [64, 96], model: "tiny_resnet8", data: "images", checkpoint: true },
      { steps: 40, "base-lr": 0.1, seed: null },
    ),
    inner: innerJson,
    read: (bytes, path) => readConfig(new TextDecoder().decode(bytes), PRETRAIN_OPTIONS, path),
  },
  {
    name: "masks",
    seeds: jsonSeeds({ grid: [4, 4], visible: [[0, 1], [2, 3]] }, [{ masked: [[1, 1]] }, { visible: [[3, 3]] }]),
    inner: innerJson,
    read: (bytes, path) => parseMasks(new TextDecoder().decode(bytes), { path, grid: [4, 4], count: 2 }),
  },
  {
    name: "index",
    seeds: jsonSeeds({
      metadata: { "total_size": 48 },
      "weight_map": { a: "a-1-of-2.safetensors", b: "a-2-of-2.safetensors" },
    }),
    inner: innerJson,
    read: readIndex,
  },
  {
    name: "checkpoint",
    seeds: () => Promise.resolve([checkpoint()]),
    inner: innerCheckpoint,
    read: resume("last.safetensors", { "log.jsonl": text(LOG) }),
  },
  {
    name: "run_log",
    seeds: () => Promise.resolve([text(LOG)]),
    inner: innerJson,
    read: resume("log.jsonl", { "last.safetensors": checkpoint() }),
    refuses: false,
  },
  {
    name: "run_lock",
    seeds: jsonSeeds({ pid: 1, host: "box", since: "2026-01-01T00:00:00.000Z" }),
    inner: innerJson,
    read: (bytes, path) =>
      within(path, async (folder) => {
        await Deno.writeFile(`${folder}/run.lock`, bytes);
        lockFolder(folder, { operation: "resume", advice: "name another" })[Symbol.dispose]();
      }),
    refuses: false,
  },
  {
    name: "tuning",
    seeds: () => Promise.resolve([text(tuningText(TABLE))]),
    inner: innerJson,
    read: (bytes, path) => parseTuning(new TextDecoder().decode(bytes), { path, adapter: "a" }),
  },
];
