import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import { dataKey, drawsOf, encodePng, paintBackground } from "../../../data/mod.ts";
import {
  experimentJobs,
  type ExperimentSettings,
  type Job,
} from "../../../spark/commands/experiment/experiment_plan.ts";
import { experimentReport, spread } from "../../../spark/commands/experiment/experiment_report.ts";
import { lockFolder } from "../../../spark/train/run_lock.ts";
import { type JobResult, readResult, runJobs } from "../../../spark/commands/experiment/experiment_run.ts";

const SETTINGS: ExperimentSettings = {
  data: "train",
  val: "test",
  model: "mini_resnet8",
  inChannels: null,
  pretrainSteps: 3,
  labels: 8,
  fewLabels: 4,
  finetuneEpochs: 1,
  seeds: 3,
  threads: 1,
  device: "cpu",
};

Deno.test("experimentJobs() lists each run once, after those that it needs, with the same fine-tuning for all", () => {
  const jobs = experimentJobs(SETTINGS, "runs");
  equal(jobs.length, 3 * (3 + 4 + 2 + 4));
  equal(new Set(jobs.map(({ name }) => name)).size, jobs.length);
  jobs.forEach(({ needs }, i) =>
    needs.forEach((name) => ok(jobs.findIndex((job) => job.name === name) < i && jobs.some((job) => job.name === name)))
  );
  const budgets = jobs.filter(({ run, seed }) => run === "finetune" && seed === 1).map(({ args }) =>
    args.filter((arg, i) => !["--init", "--from-scratch"].includes(arg) && args[i - 1] !== "--init").join(" ")
  );
  deepStrictEqual([budgets.length, new Set(budgets).size], [4, 1]);
  match(budgets[0]!, /--labels 8 --epochs 1 .*--seed 1 /);
  const few = jobs.find(({ run, seed }) => run === "few" && seed === 1)!;
  match(few.args.join(" "), /--labels 4 .*--epochs 2 .*--seed 1 /); // as many steps
  const seeds = jobs.filter(({ run }) => run === "finetune").map(({ seed }) => seed);
  deepStrictEqual(seeds, seeds.toSorted());
});

Deno.test("experimentJobs() of other channels hands them to every run; without, runs of before stay valid", () => {
  const grey = experimentJobs({ ...SETTINGS, inChannels: 1 }, "runs");
  const plain = experimentJobs(SETTINGS, "runs");
  grey.forEach(({ args, name }, i) => {
    match(args.join(" "), /--model mini_resnet8 --in-channels 1 /, name);
    equal(args.join(" ").replace(" --in-channels 1", ""), plain[i]!.args.join(" "));
  });
  match(experimentReport({ ...SETTINGS, inChannels: 1 }, () => null, ""), /Network: `mini_resnet8`, of 1 channel\./);
});

Deno.test("experimentReport() says how many images were used, and how often", () => {
  const result = (values: Readonly<Record<string, number>>): JobResult => ({ name: "", seconds: 1, values });
  for (const [train, test, epochs] of [[1000, 60, "0.2"], [64, 12, "3.0"]] as const) {
    const report = experimentReport({ ...SETTINGS, pretrainSteps: 3 * 64 / 64 }, (name) => {
      if (name === "pretrain-spark-0") return result({ loss: 1, images: train });
      return name === "finetune-scratch-0" ? result({ top1: 0.5, top5: 1, loss: 1, images: test }) : null;
    }, "");
    match(report, new RegExp(`all ${train.toLocaleString("en")} training images`));
    match(report, new RegExp(`all ${test} test images`));
    match(report, new RegExp(`this is ${epochs} epochs of these images`));
  }
  match(experimentReport(SETTINGS, () => null, ""), /Images: the training images/);
});

Deno.test("experimentReport() has means, standard deviations and paired differences", () => {
  const top1: Readonly<Record<string, readonly number[]>> = {
    scratch: [0.5, 0.52, 0.54],
    spark: [0.53, 0.55, 0.58],
    zero: [0.51, 0.5, 0.55],
  };
  const lookup = (name: string): JobResult | null => {
    const [kind, start, seed] = [
      name.split("-")[0],
      name.split("-").slice(1, -1).join("-"),
      Number(name.split("-").at(-1)),
    ];
    const value = top1[start]?.[seed];
    return kind === "finetune" && value !== undefined
      ? { name, seconds: 60, values: { top1: value, top5: 0.9, loss: 1 } }
      : null;
  };
  const report = experimentReport(SETTINGS, lookup, "the command");
  const line = (start: string) => report.split("\n").find((each) => each.startsWith(`| ${start} |`))!;
  // Standard deviations of 50, 52, 54 and of 53, 55, 58 with n - 1: 2 and 2.5166.
  match(
    line("fresh weights"),
    /^\| fresh weights \| 52\.00 ± 2\.00 \(50\.00, 52\.00, 54\.00\) \| 90\.00 ± 0\.00 \| not run \|/,
  );
  match(line("SparK"), /55\.33 ± 2\.52/);
  match(line("SparK, one scale"), /\| not run \| not run \|/);
  // Differences 3, 3, 4: mean 3.33, standard error 0.577 / √3 = 0.333.
  match(report, /\| SparK − fresh weights \| fine-tuned, top-1 \| \+3\.33 ± 0\.33 \| yes \|/);
  match(
    report,
    /\| SparK, zero-out instead of sparse − fresh weights \| fine-tuned, top-1 \| \+0\.00 ± 1\.00 \| no \|/,
  );
  match(report, /against fresh weights: \+3\.33 ± 0\.33 points \(fine-tuned, top-1\); clear\./);
  match(report, /```\nthe command\n```/);
  match(report, /9 × finetune 60 s, .* 9 minutes of runs/);
  ok(Number.isNaN(spread([]).mean) && Number.isNaN(spread([1]).deviation));
});

async function makeImages(path: string): Promise<void> {
  for (const name of ["a", "b"]) {
    await Deno.mkdir(`${path}/${name}`, { recursive: true });
    for (let i = 0; i < 8; i++) {
      await Deno.writeFile(`${path}/${name}/${i}.png`, encodePng(paintBackground(32, drawsOf(dataKey(i)))));
    }
  }
}

/** Pre-training, fine-tuning and probe of SparK, once. */
async function withJobs(f: (jobs: readonly Job[], out: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await makeImages(`${path}/images`);
    const images = `${path}/images`;
    const settings = { ...SETTINGS, data: images, val: images, seeds: 1 };
    await f(experimentJobs(settings, `${path}/runs`).filter(({ start }) => start === "spark"), `${path}/runs`);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** What is done is refused for other settings, but for those of the machine; beside another process; damaged. */
async function checkSettings(jobs: readonly Job[], options: Parameters<typeof runJobs>[1]): Promise<void> {
  const other = jobs.map((job) => ({
    ...job,
    args: job.args.map((arg, i) => job.args[i - 1] === "--threads" ? "2" : arg),
  }));
  await runJobs(other, options);
  const longer = jobs.map((job) => ({ ...job, args: job.args.map((arg) => arg === "3" ? "4" : arg) }));
  await rejects(
    runJobs(longer, options),
    /of the same settings: current .*pretrain-spark-0.json was run with --steps 3 instead of --steps 4; name another/,
  );
  {
    using _lock = lockFolder(options.out, { operation: "run the experiment", advice: "wait" });
    await rejects(
      runJobs(jobs, options),
      /^Error: Cannot run the experiment as no other process may write its folder/,
    );
  }
  await Deno.writeTextFile(`${options.out}/probe-spark-0.json`, '{"name": "probe');
  await rejects(runJobs(jobs, options), /Cannot read .*probe-spark-0.json as a result of the experiment/);
  await Deno.writeTextFile(`${options.out}/probe-spark-0.json`, "[]");
  await rejects(runJobs(jobs, options), /must have seconds and values: .*; remove it, so that probe-spark-0 is run/);
  await Deno.remove(`${options.out}/probe-spark-0.json`);
}

Deno.test("runJobs() runs what is not done, and what is done once only", () =>
  withJobs(async (jobs, out) => {
    const events: string[] = [];
    const options = {
      out,
      atOnce: 2,
      onStart: ({ name }: Job) => void events.push(`start ${name}`),
      onDone: ({ name }: Job) => Promise.resolve(void events.push(`done ${name}`)),
    };
    await runJobs(jobs, options);
    deepStrictEqual(events.slice(0, 3), ["start pretrain-spark-0", "done pretrain-spark-0", "start finetune-spark-0"]);
    deepStrictEqual([events.length, jobs.length], [8, 4]);
    const { values } = readResult(out, "finetune-spark-0")!;
    ok(values.top1! >= 0 && values.top1! <= 1 && values.top5 === 1);
    ok(readResult(out, "pretrain-spark-0")!.values.loss! > 0.3);
    match(
      readResult(out, "finetune-spark-0")!.recipe!,
      /^batches of 64, AdamW with a base rate of 0\.02, cosine, all layers at/,
    );
    const { linear, neighbours } = readResult(out, "probe-spark-0")!.values;
    ok([linear!, neighbours!].every((share) => share >= 0 && share <= 1));
    await Deno.remove(`${out}/finetune-spark-0.json`);
    await runJobs(jobs, options);
    // Its run is complete: it only reads what is there.
    deepStrictEqual(events.slice(8), ["start finetune-spark-0", "done finetune-spark-0"]);
    await checkSettings(jobs, options);
    equal(events.length, 10);
    const broken = [{ ...jobs[0]!, name: "broken", args: ["--frobnicate"] }];
    await rejects(
      runJobs(broken, options),
      /^Error: Cannot go on with the experiment .* run broken ended with code 1; see .*broken.log/,
    );
  }));
