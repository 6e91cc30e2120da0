/**
 * @file One of the ranks of `bench/ranks/run.ts`: takes steps alone and together with the other, in turns, and rank 0 writes what
 * they took as one line of JSON.
 */
import { cpuDevice, jit, setDefaultDevice, type Tensor } from "../../tensor/mod.ts";
import { type TrainState, trainStep, type TrainStepOptions } from "../../spark/mod.ts";
import { command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { print } from "../../spark/commands/cli/print.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { sharingOf } from "../../spark/commands/shared/shared_run.ts";
import { kernelCache } from "../../spark/train/fast_cpu/kernel_cache.ts";
import { loadModel } from "../../spark/train/model_file.ts";
import { openMpi } from "../../spark/train/mpi/mod.ts";
import { STEP_OPTIONS, stepSizes } from "../step_options.ts";
import { prepareStep } from "../step/step_programs.ts";
import { LINK } from "./network.ts";
import { RANK_OPTIONS, type SideResult, WAYS } from "./ways.ts";
import { backToBack, counted, type CountedCollective } from "./traffic.ts";

/** Bytes that went out so far. */
function sentBytes(): number {
  return Number(Deno.readTextFileSync(`/sys/class/net/${LINK}/statistics/tx_bytes`));
}

/** Bytes up to which an exchange is small: moments of batch norm, not gradients. */
const SMALL = 2 ** 16;

/** Takes a step, and tells what it took on both. */
async function measured(ranks: CountedCollective, step: () => Promise<number>): Promise<Omit<SideResult, "way">> {
  ranks.barrier();
  ranks.taken();
  const [sent, from] = [sentBytes(), performance.now()];
  const loss = await step();
  const [seconds, bytes] = [(performance.now() - from) / 1000, sentBytes() - sent];
  if (!(Math.abs(loss - 1) < 0.5)) throw new Error(`Cannot time a step as its loss must be near 1: it is ${loss}`);
  const { small = [], large = [] } = Object.groupBy(ranks.taken(), ({ bytes }) => bytes <= SMALL ? "small" : "large");
  const waited = [large, small].map((some) => some.reduce((sum, { seconds }) => sum + seconds, 0));
  const own = [seconds, bytes, ...waited, backToBack(ranks, small)];
  const all = new Float64Array(ranks.size * own.length);
  ranks.allGather(Float64Array.from(own), all);
  const ofBoth = (at: number) => Array.from({ length: ranks.size }, (_, rank) => all[rank * own.length + at]!);
  return {
    ...{ seconds: ofBoth(0), bytes: ofBoth(1), waitedForSums: ofBoth(2) },
    ...{ small: small.length, waitedForSmall: ofBoth(3), backToBack: ofBoth(4) },
  };
}

const OPTIONS = { ...STEP_OPTIONS, ...RANK_OPTIONS } as const;
const LINE = { task: "ranks:speed", purpose: "One rank.", ranks: true, options: OPTIONS } as const;

await runCommand(command(LINE, async (given) => {
  const { bucketMb, deadline, steps, batchSize, ...options } = withDefaults(OPTIONS, given);
  const ranks = counted(openMpi({ deadline }));
  setDefaultDevice(cpuDevice({ threads: 1, kernels: kernelCache() }));
  const sizes = stepSizes({ ...options, model: await loadModel(options.model) });
  const { optimizer, train, images } = prepareStep(sizes, batchSize);
  const stepOf = (method: TrainStepOptions) => {
    const step = trainStep(sizes.model, optimizer, method);
    return jit((train: TrainState, images: Tensor) => step(train, { images }), { donate: [0] });
  };
  const programs = WAYS.map((way) => {
    const { together, overlap, syncBn } = way;
    const shared = { batchSize: ranks.size * batchSize, bucketMb: overlap ? bucketMb : 0, syncBn, accumulate: 1 };
    return { way, step: stepOf(together ? sharingOf(shared, ranks) : {}) };
  });
  const current = { train };
  for (let round = 0; round <= steps; round++) {
    for (const { way, step } of programs) {
      const result = await measured(ranks, async () => {
        const { train, loss } = step(current.train, images);
        current.train = train;
        return await loss.item();
      });
      if (ranks.rank === 0 && round > 0) print(JSON.stringify({ way, ...result } satisfies SideResult)); // 0 warms up
    }
  }
  ranks.close();
  return 0;
}));
