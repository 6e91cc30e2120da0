/** @file Names of what the functions of a step are told. */

/**
 * One record goes through a step from function to function, each reads what concerns it: no other name is in it.
 */
export const STEP_OPTIONS = {
  masking: true,
  positions: true,
  lossOn: true,
  distance: true,
  target: true,
  moments: true,
  maskRatio: true,
  dropPath: true,
  checkpoint: true,
  patchSize: true,
  first: true,
  order: true,
  randomStream: true,
  train: true,
  key: true,
  uniform: true,
  statistics: true,
  collective: true,
  batchSize: true,
  bucketBytes: true,
  share: true,
} as const;
