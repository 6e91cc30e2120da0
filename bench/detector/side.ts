/**
 * @file This library's side of `bench/detector.ts`, a process of its own, so that its memory is that of the step alone.
 *
 *     side.ts prepare FOLDER WORK   writes weights and scenes that both sides read
 *     side.ts step FOLDER WORK      takes a step of training for each line that it reads, and answers with losses and time
 */
// deno-lint-ignore-file no-console
import { join } from "node:path";
import {
  cpuDevice,
  type Device,
  jit,
  openDevice,
  random,
  setDefaultDevice,
  type Tensor,
  tensor,
  toDevice,
  valueAndGrad,
  zeros,
} from "../../tensor/mod.ts";
import { applyUpdates, type DetectionBatch, detectionLosses, type DetectorParams, sgd, totalOf } from "../../nn/mod.ts";
import { packMasks, readNpz, rpnTargets, writeNpz, writePth } from "../../data/mod.ts";
import { detectorStateDict, loadDetector } from "../../spark/mod.ts";
import { measureLimits } from "../../tensor/profiling/machine_limits.ts";
import { makeProfile, profileTable } from "../../tensor/profiling/profile_table.ts";
import { peakResidentBytes } from "../statistics.ts";
import { DESCENT, detectorModel, type DetectorWork, sceneOf } from "./work.ts";

const model = detectorModel();

async function prepare(folder: string, work: DetectorWork): Promise<void> {
  const weights = model.init(random.key(0));
  await writePth(join(folder, "weights.pth"), await detectorStateDict(model, weights, { naming: "torchvision" }));
  const { size, batch, objects } = work;
  for (let i = 0; i < batch; i++) {
    const { pixels, boxes, classes, masks } = sceneOf(work, i);
    await writeNpz(join(folder, `scene_${i}.npz`), {
      pixels: { dtype: "F32", shape: [size, size, 3], data: pixels },
      boxes: { dtype: "F32", shape: [objects, 4], data: boxes },
      classes: { dtype: "I32", shape: [objects], data: classes },
      masks: { dtype: "U8", shape: [objects, size, size], data: masks },
    });
  }
}

/** Scenes as a batch; anchors are those that come first, as on the other side. */
async function batchIn(folder: string, { size, batch, objects }: DetectorWork): Promise<DetectionBatch> {
  const scenes = await Promise.all(Array.from({ length: batch }, (_, i) => readNpz(join(folder, `scene_${i}.npz`))));
  const joined = (name: string) => scenes.flatMap((scene) => Array.from(scene[name]!.data as Float32Array));
  const { rpnMatch, rpnBatchSize } = model.settings;
  const anchors = model.anchors([size, size]);
  const rpn = scenes.map(({ boxes }) =>
    rpnTargets(anchors, boxes!.data as Float32Array, () => 0, { match: rpnMatch, batchSize: rpnBatchSize })
  );
  const of = (part: "index" | "label" | "target") => rpn.flatMap((each) => Array.from(each[part]));
  const int32 = (values: ArrayLike<number>, shape: readonly number[]) => tensor(Int32Array.from(values), { shape });
  const masks = scenes.flatMap(({ masks }) =>
    Array.from(
      { length: objects },
      (_, i) => (masks!.data as Uint8Array).subarray(i * size * size, (i + 1) * size * size),
    )
  );
  return {
    images: tensor(Float32Array.from(joined("pixels")), { shape: [batch, size, size, 3] }),
    sizes: tensor(scenes.map(() => [size, size])),
    boxes: tensor(Float32Array.from(joined("boxes")), { shape: [batch, objects, 4] }),
    classes: int32(joined("classes"), [batch, objects]),
    valid: int32(joined("classes").map(() => 1), [batch, objects]),
    masks: int32(packMasks(masks, [size, size]), [batch, objects, size, Math.ceil(size / 32)]),
    rpnIndex: int32(of("index"), [batch, rpnBatchSize]),
    rpnLabel: int32(of("label"), [batch, rpnBatchSize]),
    rpnTarget: tensor(Float32Array.from(of("target")), { shape: [batch, rpnBatchSize / 2, 4] }),
  };
}

const optimizer = sgd(DESCENT);

/** Weights, statistics and velocity. */
type Train = ReturnType<typeof model.init> & { readonly optimizer: ReturnType<typeof optimizer.init> };

/** Weights on the device, so that what was read of the file is gone before the first step takes memory. */
async function startIn(folder: string, device: Device): Promise<Train> {
  const { params, state } = await toDevice(await loadDetector(join(folder, "weights.pth"), model), device);
  return { params, state, optimizer: optimizer.init(params as never) } as Train;
}

/** A step: losses, their gradient, the descent. Proposals are those that come first, as on the other side. */
function trainStep({ params, state, optimizer: moments }: Train, batch: DetectionBatch) {
  const loss = (own: DetectorParams) => {
    const first = (candidates: number) => zeros([batch.images.shape[0]!, candidates]);
    const out = detectionLosses(model, { params: own, state }, batch, { key: random.key(0), uniform: first });
    return [totalOf(out.losses as Readonly<Record<string, Tensor>>), out] as const;
  };
  const [[, out], gradient] = valueAndGrad(loss as never, { hasAux: true } as never)(params as never) as unknown as [
    [Tensor, ReturnType<typeof detectionLosses>],
    DetectorParams,
  ];
  const [updates, next] = optimizer.update(gradient as never, moments as never, params as never);
  const train = {
    params: applyUpdates(params as never, updates) as unknown as DetectorParams,
    state: out.state,
    optimizer: next,
  };
  return { train, losses: out.losses, positive: out.inside.targets.positive };
}

/** Something for each line. */
async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<void> {
  for await (const bytes of stream) for (const byte of bytes) if (byte === 10) yield;
}

async function open(profile: ReturnType<typeof makeProfile> | null): Promise<Device> {
  const device = profile ? await cpuDevice({ onLaunch: profile.listen }) : await openDevice("cpu");
  setDefaultDevice(device);
  return device;
}

async function step(folder: string, work: DetectorWork, isProfiled: boolean): Promise<void> {
  const profile = makeProfile();
  const device = await open(isProfiled ? profile : null);
  const current = { train: await startIn(folder, device) }; // nothing else holds the first weights, which a step takes over
  const batch = await batchIn(folder, work);
  const run = jit(trainStep as never, { donate: [0] }) as unknown as
    & ((train: Train, batch: DetectionBatch) => ReturnType<typeof trainStep>)
    & {
      stats(train: Train, batch: DetectionBatch): Readonly<Record<"plannedBytes" | "launches" | "flops", number>>;
    };
  const { plannedBytes, launches, flops } = run.stats(current.train, batch);
  let steps = 0;
  for await (const _ of linesOf(Deno.stdin.readable)) {
    const from = performance.now();
    const { train, losses, positive } = run(current.train, batch);
    const named = await Promise.all(Object.entries(losses).map(async ([name, x]) => [name, await x.item()] as const));
    const milliseconds = performance.now() - from;
    current.train = train;
    const positives = Array.from(await positive.data() as ArrayLike<number>).filter(Boolean).length;
    const answer = { losses: Object.fromEntries(named), milliseconds, positives, residentBytes: peakResidentBytes() };
    console.log(JSON.stringify({ ...answer, plannedBytes, launches, flops }));
    profile.on = true; // the first step warmed up
    steps++;
  }
  if (isProfiled) console.error(profileTable(profile.times, Math.max(1, steps - 1), await measureLimits(device), 45));
  device.close();
}

const [action, folder, text] = Deno.args as [string, string, string];
const work = JSON.parse(text) as DetectorWork;
if (action === "prepare") await prepare(folder, work);
else await step(folder, work, action === "profile");
