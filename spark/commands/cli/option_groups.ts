/** @file Options of commands that have many, by what they are about: the order of their help. */

/** Titles, and names of options. */
const GROUPS: Readonly<Record<string, string>> = {
  "Images":
    "data val images valImages labels inChannels scenes scenesToScore sceneObjects sceneScale sceneEmoji firstPixel inputSize",
  "Network and weights":
    "model init fromScratch initWeight weights decoderWidth variant boxesOnly backboneNorm freezeAt " +
    "headNorm fpnChannels anchorScale canonicalScale boxConvs boxFcs maskConvs",
  "How images are changed":
    "transform shorts longest testShort sizeBuckets jitterLeast jitterMost cropShare flip colour " +
    "objects cropScale augment erase mixup cutmix repeats labelSmoothing",
  "Training":
    "epochs steps batchSize accumulate optimizer baseLr warmupEpochs schedule decayAt decayFactor weightDecay " +
    "weightDecayEnd layerDecay dropPath clip loss maskRatio patchSize ema rpnBatch roiBatch preNms postNms precise " +
    "precision checkpoint checkpointStages seed",
  "Ablations and measurements": "masking scales positions lossOn distance target normParts permuteBatch",
  "Several ranks": "syncBn bucketMb deadline",
  "Machine": "device threads fast noKernelCache workers tuning",
  "The run": "out resume extend evalEvery saveEvery logEvery logger debugNans config",
};

/** Fewer options are seen at a glance. */
const MANY = 25;

/**
 * Puts options in order by what they are about.
 *
 * @param names Names of the options of a command, such as `inputSize`.
 * @returns Titles and names; a single group without a title where there are few. What no group has stands under the first
 * title.
 */
export function groupedOptions(
  names: readonly string[],
): readonly (readonly [title: string, names: readonly string[]])[] {
  if (names.length < MANY) return [["", names]];
  const groups = Object.entries(GROUPS).map(([title, list]) => [title, list.split(" ")] as const);
  const known = new Set(groups.flatMap(([, list]) => list));
  const others = names.filter((name) => !known.has(name));
  return groups.map(([title, list], i) =>
    [title, [...list.filter((name) => names.includes(name)), ...i === 0 ? others : []]] as const
  ).filter(([, list]) => list.length > 0);
}
