import type { StateDictFile } from "../../../data/mod.ts";
import {
  newRun,
  resumedRun,
  type RunConfiguration,
  type RunIdentity,
  type RunStart,
  type StartOptions,
} from "../../train/run_start.ts";
import type { Extended } from "./extended.ts";
import { channelsIn, modelNameOf, openWeights, type WeightChoice } from "./weight_file.ts";
import { weightPath } from "./weight_path.ts";

/** Of the options of a command line, what decides how a run starts. */
interface GivenStart extends Omit<WeightChoice, "option"> {
  readonly init?: string;
  readonly resume?: string;
}

/** What a file of weights says of itself. */
export interface FoundWeights {
  /** The file. */
  readonly path: string;
  /** Name of its model. */
  readonly model: string;
  /** Channels of its images; `null`: those of the model. */
  readonly inChannels: number | null;
}

/** What differs from command to command. */
interface StartParts<Given, Options, Backbone> {
  /** Task and folder. */
  readonly start: StartOptions;
  /** Options of a new run, from a file of weights if there is one. */
  readonly settle: (given: Given, found: FoundWeights | null) => Options;
  /** Options of a run that goes on. */
  readonly resume: (saved: Options, given: Given) => Extended<Options>;
  /** Takes what is pre-trained from the file; throws if it does not fit. */
  readonly backboneOf: (file: StateDictFile, options: Options) => Backbone;
  /** What the folder is named after. */
  readonly nameOf: (options: Options) => string;
}

/**
 * Starts a run on pre-trained or fresh weights, or goes on with one. A file that does not fit is refused before there is a
 * folder.
 *
 * @param given Options of the command line.
 * @param parts What differs from command to command.
 * @returns How the run starts; `backbone` is null for fresh weights, and for a run that goes on.
 * @throws {Error} As `openWeights`, `newRun` and `resumedRun`.
 */
export async function startWithWeights<
  Given extends GivenStart,
  Options extends RunIdentity,
  Backbone,
  Configuration extends RunConfiguration<Options>,
>(
  given: Given,
  { start, settle, resume, backboneOf, nameOf }: StartParts<Given, Options, Backbone>,
): Promise<RunStart<Options, Configuration> & { readonly backbone: Backbone | null }> {
  const init = given.init === undefined ? undefined : weightPath(given.init, "--init", undefined, given.weights);
  if (given.resume !== undefined) {
    const asked = init === undefined ? given : { ...given, init };
    const goesOn = await resumedRun<Options, Configuration>(given.resume, (saved) => resume(saved, asked), start);
    return { ...goesOn, backbone: null };
  }
  const file = init === undefined ? null : await openWeights(init, { ...given, option: "--init" });
  const name = file && modelNameOf(file, given.model);
  const options = settle(given, file && { path: file.path, model: name!, inChannels: channelsIn(file, name!) });
  const backbone = file && backboneOf(file, options);
  return { ...newRun<Options, Configuration>(options, nameOf(options), start), backbone };
}
