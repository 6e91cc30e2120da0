/** @file Models that others wrote: a module whose record has the form of `Model`. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { random } from "../../tensor/mod.ts";
import {
  type Classifier,
  globalAvgPool,
  inChannelsOf,
  initLinear,
  linear,
  type LinearParams,
  type Model,
} from "../../nn/mod.ts";
import { checkModel } from "../input_grid.ts";
import { kindOf } from "./kind_of.ts";
import { AUTHORS, MODEL_NAMES, type ModelEntry, MODELS, type Recipe } from "./model_table.ts";

/** Endings of files that may hold a model. */
export const MODEL_ENDINGS: readonly string[] = [".ts", ".js", ".mjs"];

/** Models of files that were loaded, by absolute path: a module is loaded once too. */
const loaded: Map<string, ModelEntry> = new Map();

/** What a model must have, and of what type. */
const PARTS = { name: "string", stride: "number", init: "function", features: "function" } as const;

/**
 * Tells whether a name is that of a model that `modelEntry` knows, or a file that could hold one.
 *
 * @param name As `--model` or a checkpoint has it.
 * @returns True for names of `MODELS` and for paths of modules.
 */
export function namesModel(name: unknown): name is string {
  return typeof name === "string" && (Object.hasOwn(MODELS, name) || isModelFile(name));
}

/** Whether a name is the path of a module. */
export function isModelFile(name: string): boolean {
  return MODEL_ENDINGS.some((ending) => name.endsWith(ending));
}

/**
 * Makes a model known: one of `MODELS`, or that of a file, whose module exports it by default or as `model`, itself or as a
 * function that makes it; `recipe` may export what differs from the defaults of pre-training. A model without a head gets
 * a linear one on the mean of its last map.
 *
 * @param name Name, or path of a `.ts`, `.js` or `.mjs` file.
 * @returns The name by which `modelEntry` knows it: of a file the absolute path.
 * @throws {RangeError} If the name is unknown, or the file holds no model, naming what it lacks.
 * @throws {Error} If the file cannot be loaded.
 */
export async function loadModel(name: string): Promise<string> {
  if (Object.hasOwn(MODELS, name)) return name;
  const path = resolve(name);
  if (loaded.has(path)) return path;
  const module = await moduleOf(name, path);
  const exported = module.default ?? module.model;
  const model = typeof exported === "function" ? await exported() : exported;
  loaded.set(path, { make: classifierOf(checked(model, name)), recipe: recipeOf(module.recipe, name) });
  return path;
}

/**
 * A model and its defaults.
 *
 * @param name Name in `MODELS`, or of `loadModel`.
 * @returns How to make it, and its recipe.
 * @throws {RangeError} If no such model is known.
 */
export function modelEntry(name: string): ModelEntry {
  const entry = Object.hasOwn(MODELS, name) ? MODELS[name] : loaded.get(name);
  if (entry) return entry;
  throw new RangeError(
    `Cannot make a model as --model must be one of ${MODEL_NAMES.join(", ")}, or a file ${MODEL_ENDINGS.join(", ")}: ` +
      `current model is ${name}`,
  );
}

/**
 * Makes a model for images of some channels.
 *
 * @param name Name in `MODELS`, or of `loadModel`.
 * @param inChannels Channels of the images; those of the model, 3 of all that have names, if null.
 * @returns The model.
 * @throws {RangeError} If no such model is known, or it is of a file and takes others, naming it.
 */
export function makeModel(name: string, inChannels: number | null = null): Classifier {
  const model = modelEntry(name).make(inChannels === null ? {} : { inChannels });
  const has = inChannelsOf(model);
  if (inChannels === null || has === inChannels) return model;
  throw new RangeError(
    `Cannot make ${name} for images of ${inChannels} channels as its inChannels must be that number: current inChannels ` +
      `is ${has}; leave --in-channels out, or let the file export another model`,
  );
}

async function moduleOf(name: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  if (kindOf(path) !== "file") {
    throw new RangeError(`Cannot load ${name} as a model as it must be a file that is there: current file is absent`);
  }
  try {
    return await import(pathToFileURL(path).href);
  } catch (cause) {
    const [message] = (cause as Error).message.split("\n");
    throw new Error(`Cannot load ${name} as a model as its module must run: current error is ${message}`, { cause });
  }
}

function refuse(name: string, requirement: string, current: string): never {
  throw new RangeError(
    `Cannot load ${name} as a model as ${requirement}: current ${current}; see docs/custom_model.md`,
  );
}

/** The model, if it is one. */
function checked(value: unknown, name: string): Model {
  if (typeof value !== "object" || value === null) {
    refuse(name, "it must export a record by default or as model", `export is ${value === null ? null : typeof value}`);
  }
  const model = value as Readonly<Record<string, unknown>>;
  for (const [part, wanted] of Object.entries(PARTS)) {
    const type: string = typeof model[part];
    if (type !== wanted) refuse(name, `its ${part} must be a ${wanted}`, `${part} is ${type}`);
  }
  const { inChannels = 3 } = model;
  if (!(Number.isSafeInteger(inChannels) && (inChannels as number) > 0)) {
    refuse(name, "its inChannels must be a whole number, 3 if it is absent", `inChannels is ${inChannels}`);
  }
  if (!Array.isArray(model.channels)) {
    refuse(name, "its channels must be a list", `channels is ${typeof model.channels}`);
  }
  if (!["bn", "ln", "none"].includes(model.densifyNorm as string)) {
    refuse(name, "its densifyNorm must be bn, ln or none", `densifyNorm is ${model.densifyNorm}`);
  }
  const whole = { ...model, recipe: { dropPath: 0, beta2: 0.95, ...model.recipe as object } } as unknown as Model;
  const { params, state } = whole.init(random.key(0));
  checkModel(whole, params, state);
  return whole;
}

/** The model with its own head, or with a linear one. */
function classifierOf(model: Model & Partial<Classifier>): () => Classifier {
  if (model.initHead && model.logits) return () => model as Classifier;
  const classifier: Classifier = {
    ...model,
    initHead: (key, { classes, ...init }) =>
      initLinear(key, { inChannels: model.channels.at(-1)!, outChannels: classes, ...init }),
    logits: ({ encoder, head }, state, x, options) => {
      const out = model.features(encoder, state, x, options);
      return { logits: linear(head as unknown as LinearParams, globalAvgPool(out.features.at(-1)!)), state: out.state };
    },
  };
  return () => classifier;
}

/** The defaults of pre-training, with what a module says differently. */
function recipeOf(given: unknown, name: string): Recipe {
  const unknown = Object.keys(given ?? {}).find((key) => !Object.hasOwn(AUTHORS, key));
  if (unknown !== undefined) {
    refuse(name, `its recipe may have ${Object.keys(AUTHORS).join(", ")}`, `recipe has ${unknown}`);
  }
  return { ...AUTHORS, ...given as object };
}
