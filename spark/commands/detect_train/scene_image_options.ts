/** How images come to the detector. */
export const SCENE_IMAGE_OPTIONS = {
  transform: {
    kind: "name",
    names: ["edge", "jitter"],
    help: [
      "edge: the shorter side gets one of --shorts; jitter: the image fills --jitter-least to --jitter-most of the canvas",
      "of --input-size, large-scale jitter (default by model)",
    ],
  },
  shorts: {
    kind: "text",
    placeholder: "N,N,…",
    what: "numbers with commas between them",
    help: "edge: lengths of the shorter side, of which each image draws one (default by model)",
  },
  longest: { kind: "whole", least: 1, help: "edge: most pixels of the longer side (default by model)" },
  testShort: { kind: "whole", least: 1, help: "shorter side in evaluations, within --longest (default by model)" },
  sizeBuckets: {
    kind: "whole",
    least: 1,
    most: 16,
    help: "edge: parts of --shorts with canvases of their own, each a compiled step, for landscape and portrait",
    default: 1,
  },
  jitterLeast: { kind: "number", above: 0, help: "jitter: smallest scale (default by model)" },
  jitterMost: { kind: "number", above: 0, help: "jitter: largest scale (default by model)" },
  cropShare: { kind: "number", least: 0, most: 1, help: "edge: share of images that are cut at random before" },
  flip: { kind: "number", least: 0, most: 1, help: "probability that an image is mirrored", default: 0.5 },
  colour: {
    kind: "number",
    least: 0,
    most: 1,
    help: "most change of brightness, contrast and saturation",
    default: 0,
  },
  objects: {
    kind: "whole",
    least: 1,
    most: 4096,
    help: "objects of an image that are learned from, the largest",
    default: 100,
  },
} as const;
