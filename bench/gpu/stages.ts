/** @file What the GPU benchmark runs, in the order of what is worth most if time runs out. */

/** A process of the benchmark. */
export interface Stage {
  /** Names it in the report. */
  readonly name: string;
  /** Program and arguments; `deno` stands for the running one. */
  readonly command: readonly string[];
  /** Seconds after which it is ended. */
  readonly seconds: number;
  /** `json`: the last line of its output is one object. `text`: the end of it is kept. */
  readonly result: "json" | "text";
}

/** Sizes of a run: those of a card, or small ones for a rehearsal in software. */
export interface Sizes {
  readonly inputSize: number;
  readonly batches: readonly [number, ...number[]];
  /** Steps that are timed. */
  readonly steps: number;
  /** How many times as long as on a card a stage may take. */
  readonly patience: number;
}

const MODELS = ["resnet50", "convnext_small"];
const run = (script: string, ...args: readonly string[]) => ["deno", "run", "-A", "--cached-only", script, ...args];

/** A step of a model here. */
function ownStep(model: string, batch: number, precision: string, { inputSize, steps }: Sizes): Stage {
  const sizes = ["--model", model, "--input-size", `${inputSize}`, "--batch-size", `${batch}`];
  return {
    name: `step ${model} ${batch} ${precision}`,
    command: run(
      "bench/step.ts",
      ...sizes,
      "--device",
      "webgpu",
      "--precision",
      precision,
      "--steps",
      `${steps}`,
      "--json",
    ),
    seconds: 60,
    result: "json",
  };
}

/** The same step in PyTorch: exact float32, with TensorFloat-32, and with autocast. `PYTHON` names another interpreter. */
function torchStep(model: string, batch: number, precision: string, { inputSize, steps }: Sizes): Stage {
  const sizes = ["--model", model, "--input-size", `${inputSize}`, "--batch-size", `${batch}`];
  const flags = ["--device", "auto", "--precision", precision, "--steps", `${steps}`, "--warmup", "2", "--json"];
  return {
    name: `torch ${model} ${batch} ${precision}`,
    command: [Deno.env.get("PYTHON") ?? "python3", "bench/baseline/spark_torch.py", ...sizes, ...flags],
    seconds: 40,
    result: "json",
  };
}

/** The steps of one batch size, each beside PyTorch's. */
function stepsOf(batch: number, sizes: Sizes): readonly Stage[] {
  return MODELS.flatMap((model) => [
    ...["f32", "f16"].map((precision) => ownStep(model, batch, precision, sizes)),
    ...["f32", "tf32", "amp"].map((precision) => torchStep(model, batch, precision, sizes)),
  ]);
}

/** What is measured once, at the smaller batch size. */
function singleStages(
  { inputSize: size, batches: [batch], steps, patience }: Sizes,
  folder: string,
): Readonly<Record<string, Stage>> {
  const few = ["--input-size", `${size}`, "--steps", `${4 * steps}`];
  const main = ["--model", "resnet50", "--input-size", `${size}`, "--batch-size", `${batch}`];
  const tuned = ["--seconds", `${60 * patience}`, "--out", `${folder}/tuning.json`]; // the rest is for the first run
  const text = (name: string, seconds: number, command: readonly string[]): Stage => ({
    name,
    command,
    seconds,
    result: "text",
  });
  const tests = ["deno", "test", "-A", "--cached-only", "--no-check", "tests/tensor/devices/webgpu/"];
  return {
    tests: text("tests", 120, tests),
    profile: text("profile", 60, run("spark/commands/profile.ts", ...main, "--device", "webgpu")),
    kernels: text("kernels", 150, run("bench/kernels.ts", "--device", "webgpu", "--json", `${folder}/kernels.jsonl`)),
    golden: text("golden", 90, run("tests/golden/run.ts", "--device", "webgpu")),
    equal: text("equal", 60, run("tests/devices/run.ts", ...few)),
    tune: text("tune", 90, run("spark/commands/tune.ts", ...main, ...tuned)),
  };
}

/**
 * Lists the stages.
 *
 * @param sizes Of the steps.
 * @param folder Where stages write files.
 * @returns The stages in order.
 */
export function stagesOf(sizes: Sizes, folder: string): readonly Stage[] {
  const [small, ...larger] = sizes.batches;
  const { tests, profile, kernels, golden, equal, tune } = singleStages(sizes, folder);
  const rest = larger.flatMap((batch) => stepsOf(batch, sizes));
  const stages = [tests!, ...stepsOf(small, sizes), profile!, kernels!, golden!, equal!, tune!, ...rest];
  return stages.map((stage) => ({ ...stage, seconds: stage.seconds * sizes.patience }));
}
