/** @file Whole detectors from files of torchvision, detectron2 and mmdetection, and to them. */
import { requireOptions } from "../../tensor/kernel.ts";
import { type DType, random, sizeOf } from "../../tensor/mod.ts";
import type { Detector } from "../../nn/mod.ts";
import { chosenSet, FileTensor, numbersOf, readStateDict, type StateDictFile } from "../../data/mod.ts";
import {
  detectorEntries,
  type DetectorEntry,
  type DetectorEntryOptions,
  type DetectorWeights,
} from "./detector_names.ts";
import { DETECTOR_NAMINGS, type DetectorNaming } from "./detector_part_names.ts";
import type { StateDict } from "./export_weights.ts";
import { toOfficial } from "./official_layout.ts";
import { backboneEntries, importOfficial, tensorOf, type Weights } from "./official_names.ts";
import { type ReadSet, readSetOf } from "./weight_account.ts";
import { matchWeights, noSuchSet } from "./weight_source.ts";

/** Where element `i` of a file's tensor stands in the order of `shape`; -1 where nothing reads it. */
function placeOf({ shape, rows, columns }: DetectorEntry, i: number): number {
  const each = sizeOf(shape.slice(1));
  const row = Math.floor(i / each);
  const [from, inner] = [rows ? rows[row]! : row, i % each];
  return from < 0 ? -1 : from * each + (columns ? columns[inner]! : inner);
}

/**
 * Numbers of a tensor as a file of another library has them.
 *
 * @param entry Which.
 * @param values Its numbers here, row-major.
 * @returns Its numbers there; 0 in rows that nothing reads.
 */
export function toDetectorFile(entry: DetectorEntry, values: ArrayLike<number>): Float64Array {
  const official = toOfficial(entry, values);
  return Float64Array.from({ length: sizeOf(entry.fileShape) }, (_, i) => official[placeOf(entry, i)] ?? 0);
}

/** Numbers of a file in the order of `shape`. */
function fromDetectorFile(entry: DetectorEntry, values: ArrayLike<number>): Float64Array {
  const official = new Float64Array(sizeOf(entry.shape));
  for (let i = 0; i < values.length; i++) {
    const place = placeOf(entry, i);
    if (place >= 0) official[place] = values[i]!;
  }
  return official;
}

/** Options of `detectorOf`. */
export interface LoadDetectorOptions extends Partial<DetectorEntryOptions> {
  /** Type of the weights; float32 if not given. */
  readonly dtype?: DType;
  /**
   * What the frozen norms of the file add to variances; 1e-5 if not given. torchvision's own COCO weights were trained with 0:
   * the variances are then made smaller by 1e-5, which is the same.
   */
  readonly normEpsilon?: number;
}

const EPSILON = 1e-5;

function nameIn(file: StateDictFile, { key, aliases }: DetectorEntry): string | undefined {
  return [key, ...aliases].find((name) => Object.hasOwn(file.tensors, name));
}

/** Entries under the names of which the file has more. */
function matched(file: StateDictFile, model: Detector, weights: DetectorWeights, options: LoadDetectorOptions) {
  // torchvision has no names for a ConvNeXt's.
  const known = model.settings.backbone.densifyNorm === "bn"
    ? DETECTOR_NAMINGS
    : DETECTOR_NAMINGS.filter((naming) => naming !== "torchvision");
  const namings = options.naming ? [options.naming] : known;
  const scored = namings.map((naming) => {
    const { background } = options;
    const entries = detectorEntries(model, weights, { naming, ...(background ? { background } : {}) });
    const missing = entries.filter((entry) => entry.dtype !== "int64" && nameIn(file, entry) === undefined);
    return { naming, entries, missing };
  });
  const best = scored.reduce((a, b) => b.missing.length < a.missing.length ? b : a);
  const [first] = best.missing;
  if (first) {
    const names = Object.keys(file.tensors);
    throw new RangeError(
      `Cannot load ${file.path} as a detector as it must have ${first.key}` +
        `${best.missing.length > 1 ? ` and ${best.missing.length - 1} more` : ""}: current names are ` +
        `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`,
    );
  }
  return best;
}

function refuseUnexpected(file: StateDictFile, entries: readonly DetectorEntry[]): void {
  const known = new Set(entries.map((entry) => nameIn(file, entry)));
  // Settings that detectron2 keeps among the weights, and the classifier of the backbone.
  const beside =
    /^(pixel_mean|pixel_std)$|^data_preprocessor\.|anchor_generator\.cell_anchors|num_batches_tracked$|^backbone\.body\.fc\./;
  const unexpected = Object.keys(file.tensors).filter((name) => !known.has(name) && !beside.test(name));
  if (unexpected.length === 0) return;
  throw new RangeError(
    `Cannot load ${file.path} as a detector as all its weights must have a place: current weight ${unexpected[0]}` +
      `${unexpected.length > 1 ? ` and ${unexpected.length - 1} more have` : " has"} none`,
  );
}

/** Numbers of an entry in the order of `shape`, checked. */
function read(file: StateDictFile, entry: DetectorEntry, normEpsilon: number): Float64Array {
  const name = nameIn(file, entry);
  if (name === undefined) return new Float64Array(sizeOf(entry.shape)); // a count of batches, which decides nothing
  const found = file.tensors[name]!;
  if (found.shape.join() !== entry.fileShape.join()) {
    throw new RangeError(
      `Cannot load ${file.path} as ${name} must have shape [${entry.fileShape.join(", ")}]: current shape is ` +
        `[${found.shape.join(", ")}]`,
    );
  }
  const numbers = numbersOf(found);
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isFinite(numbers[i])) continue;
    throw new RangeError(
      `Cannot load ${file.path} as every value must be finite: current value of ${name} is ${numbers[i]}`,
    );
  }
  const values = fromDetectorFile(entry, numbers);
  const shifts = normEpsilon !== EPSILON && entry.path[0] === "backbone" && entry.path.at(-1) === "runningVar";
  return shifts ? values.map((x) => x + normEpsilon - EPSILON) : values;
}

/** A detector from a file. */
export interface ReadDetector extends DetectorWeights {
  /** Whose names the file has. */
  readonly naming: DetectorNaming | "tessera";
  /** Which of several sets of weights in the file it is. */
  readonly read: ReadSet;
}

/** Files of this library have the weights by their way in its trees, parameters and running statistics apart. */
const OWN = /(^|\.)params\.rpn\.logits\.weight$/;

function ownDetector(
  file: StateDictFile,
  model: Detector,
  skeleton: DetectorWeights,
  dtype: DType,
): DetectorWeights & Pick<ReadDetector, "read"> {
  const trees = skeleton as unknown as Weights;
  const entries = backboneEntries(trees);
  const source = matchWeights(file, entries, { model: `a detector on ${model.settings.backbone.name}`, own: [""] });
  const weights = importOfficial(trees, entries, source.read, { dtype }) as unknown as DetectorWeights;
  return { ...weights, read: readSetOf(file, source) };
}

/**
 * Takes the weights of a whole detector from a file that was read: of this library's training (of a moving average, where it
 * has one), or of another library.
 *
 * @param file Of `readStateDict`.
 * @param model The detector; its sizes must be those of the file.
 * @param options Names (found by themselves if not given), type, epsilon.
 * @returns Parameters and state, whose names, and which of several sets.
 * @throws {RangeError} If a weight is missing, too many, not finite or of another shape, naming file and weight.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeStateDict, encodePth } from "@tessera/tessera/data";
 * import { detector, tinyResnet } from "@tessera/tessera/nn";
 * import { detectorOf, detectorStateDict } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const sizes = { fpnChannels: 4, boxFcs: [4, 4], maskConvs: [4], anchorSizes: [[4], [8], [16], [32], [64]] };
 * const model = detector({ backbone: tinyResnet(), classes: 2, ...sizes });
 * const weights = model.init(random.key(0));
 * const bytes = encodePth(await detectorStateDict(model, weights, { naming: "torchvision" }));
 * const { params } = detectorOf(decodeStateDict(bytes, "tiny.pth"), model);
 * deepStrictEqual(await params.box.logits.weight.data(), await weights.params.box.logits.weight.data());
 * ```
 */
export function detectorOf(
  file: StateDictFile,
  model: Detector,
  options: LoadDetectorOptions = {},
): ReadDetector {
  requireOptions("detectorOf", options, { naming: true, background: true, dtype: true, normEpsilon: true });
  const { dtype = "float32", normEpsilon = EPSILON } = options;
  const skeleton = model.init(random.key(0));
  if (Object.keys(file.tensors).some((name) => OWN.test(name))) {
    return { ...ownDetector(file, model, skeleton, dtype), naming: "tessera" };
  }
  if (chosenSet(file.sets.length === 0 ? [file.set] : file.sets, file.asked) < 0) throw noSuchSet(file, []);
  const { entries, naming } = matched(file, model, skeleton, options);
  refuseUnexpected(file, entries);
  // Entries have all that `importOfficial` asks for; the trees keep their types.
  const own = importOfficial(
    { params: skeleton.params as never, state: skeleton.state as never },
    entries,
    (entry) => read(file, entry as DetectorEntry, normEpsilon),
    { dtype },
  );
  return { params: own.params, state: own.state, naming, read: readSetOf(file, null) };
}

/**
 * Reads the weights of a whole detector: `.pth`, safetensors, `.npz` or `.pkl` of torchvision, detectron2 or
 * mmdetection.
 *
 * @param path The file.
 * @param model The detector; its sizes must be those of the file.
 * @param options As of `detectorOf`.
 * @returns Parameters and state, whose names, and which of several sets.
 * @throws {RangeError} As `detectorOf`.
 */
export async function loadDetector(
  path: string,
  model: Detector,
  options: LoadDetectorOptions = {},
): Promise<ReadDetector> {
  requireOptions("loadDetector", options, { naming: true, background: true, dtype: true, normEpsilon: true });
  return detectorOf(await readStateDict(path), model, options);
}

/**
 * Writes the weights of a whole detector in the names and layouts of another library.
 *
 * @param model The detector.
 * @param weights Parameters and state.
 * @param options Names, and where background stands.
 * @returns Tensors by name, for `encodePth`, `writePth` or `writeSafetensors`. Rows of torchvision that nothing reads are 0.
 * @throws {RangeError} If the library has no such backbone.
 */
export async function detectorStateDict(
  model: Detector,
  weights: DetectorWeights,
  options: DetectorEntryOptions,
): Promise<StateDict> {
  requireOptions("detectorStateDict", options, { naming: true, background: true });
  const isFrozen = model.settings.backboneNorm === "frozen";
  const entries = detectorEntries(model, weights, options)
    .filter(({ path, dtype }) => !(isFrozen && path[0] === "backbone" && dtype === "int64")); // frozen norms count nothing
  const named = await Promise.all(entries.map(async (entry) => {
    const x = tensorOf(weights[entry.tree!] as never, entry);
    const values = toDetectorFile(entry, await x.data());
    if (entry.dtype === "int64") {
      return [entry.key, new FileTensor("I64", entry.fileShape, BigInt64Array.from(values, BigInt))] as const;
    }
    if (x.dtype === "float64") return [entry.key, new FileTensor("F64", entry.fileShape, values)] as const;
    return [entry.key, new FileTensor("F32", entry.fileShape, Float32Array.from(values))] as const;
  }));
  return new Map(named);
}
