/** @file The program that is profiled or tuned: that of a file of one's own, or a training step. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { random, type Tensor } from "../../../tensor/mod.ts";
import { pretrainOptimizer } from "../../recipe.ts";
import type { TrainState } from "../../train_state.ts";
import { init, trainStep } from "../../train_step.ts";
import { kindOf } from "../../train/kind_of.ts";
import { MODEL_ENDINGS, modelEntry } from "../../train/model_file.ts";
import { DEFAULT_MODEL, MODEL_NAMES } from "../../train/model_table.ts";

/** Which training step, where no file is named; besides, INPUT_SIZE_OPTION and the batch size say its sizes. */
export const STEP_OPTIONS = {
  model: {
    kind: "name",
    names: MODEL_NAMES as readonly string[],
    files: MODEL_ENDINGS as readonly string[],
    help: "one of {names}; or a file of one's own that exports a model (default, without FILE: tiny_resnet8)",
    default: null,
  },
  decoderWidth: {
    kind: "whole",
    least: 1,
    help: "channels of the decoder at the coarsest scale (default: the model's recipe)",
  },
} as const;

/** The operand, and what it means, for the help. */
export const PROGRAM_OPERAND = { names: ["FILE"], least: 0 } as const;
export const PROGRAM_DETAILS =
  `FILE is a module (.ts, .js) whose default export is a function of trees of tensors, and whose export "args" is the list
of its arguments, or a function that makes the list. Without FILE it is a training step of --model.`;

/** A function and what it is called with. */
export interface NamedProgram {
  /** What it is, in words. */
  readonly name: string;
  readonly f: (...args: unknown[]) => unknown;
  readonly args: readonly unknown[];
}

/** Values of STEP_OPTIONS as they were given. */
export interface StepChoice {
  readonly model: string | null;
  readonly inputSize?: readonly [number, number];
  readonly batchSize?: number;
  readonly decoderWidth?: number;
}

/**
 * Finds the program that a command line names.
 *
 * @param file A module of one's own, if one was named.
 * @param choice The training step, if not.
 * @returns The program.
 * @throws {RangeError} If the file holds no program, or a step was chosen beside a file.
 */
export async function programOf(file: string | undefined, choice: StepChoice): Promise<NamedProgram> {
  if (file === undefined) return stepOf(choice);
  const given = Object.entries(choice).find(([, value]) => value !== null && value !== undefined);
  if (!given) return await programIn(file);
  throw new RangeError(
    `Cannot run ${file} as a training step must not be chosen beside a file: current ${given[0]} is ${given[1]}`,
  );
}

async function programIn(file: string): Promise<NamedProgram> {
  if (kindOf(file) !== "file") {
    throw new RangeError(`Cannot run ${file} as it must be a file that is there: current file is absent`);
  }
  const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(resolve(file)).href);
  const f = module.default;
  const args = typeof module.args === "function" ? await module.args() : module.args;
  if (typeof f === "function" && Array.isArray(args)) return { name: file, f: f as NamedProgram["f"], args };
  const what = typeof f === "function" ? `args, a list or a function that makes one: current args is ${typeof args}` : (
    `a function by default: current default is ${typeof f}`
  );
  throw new RangeError(`Cannot run ${file} as it must export ${what}`);
}

/** A training step of a model, its first state, and images. */
function stepOf({ model: named, inputSize, batchSize, decoderWidth }: StepChoice): NamedProgram {
  const { make, recipe } = modelEntry(named ?? DEFAULT_MODEL);
  const model = make();
  const [size, batch] = [inputSize ?? recipe.inputSize, batchSize ?? recipe.batchSize];
  const width = decoderWidth ?? recipe.decoderWidth;
  const optimizer = pretrainOptimizer({ learningRate: 1e-4, b2: model.recipe.beta2 });
  const step = trainStep(model, optimizer);
  const f = (train: TrainState, images: Tensor) => step(train, { images });
  const train = init(model, optimizer, random.key(0), { inputSize: size, decoderWidth: width });
  return {
    name: `${model.name} at ${size.join("×")}, batch ${batch}, decoder width ${width}`,
    f: f as NamedProgram["f"],
    args: [train, random.normal(random.key(1), [batch, ...size, 3])],
  };
}
