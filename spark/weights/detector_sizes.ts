/** @file What a file of a detector's weights tells of its sizes. */
import { requireOptions } from "../../tensor/kernel.ts";
import type { DetectorOptions, Model } from "../../nn/mod.ts";
import type { SafetensorsTensor, StateDictFile } from "../../data/mod.ts";
import { BACKBONE_PREFIXES, DETECTOR_NAMINGS, type DetectorNaming } from "./detector_part_names.ts";
import { holdsBackbone } from "./load_backbone.ts";
import { withTensors } from "./weight_source.ts";

/** Where the parts of a detector stand among its names. */
interface Places {
  readonly lateral: RegExp;
  readonly rpnConv: RegExp;
  readonly rpnLogits: RegExp;
  /** Convolutions and linear layers; the former have four axes. */
  readonly box: RegExp;
  readonly classes: RegExp;
  readonly mask: RegExp;
}

const PLACES: Readonly<Record<DetectorNaming, Places>> = {
  torchvision: {
    lateral: /^backbone\.fpn\.inner_blocks\.\d+(?:\.0)?\.weight$/,
    rpnConv: /^rpn\.head\.conv(?:\.\d+\.0)?\.weight$/,
    rpnLogits: /^rpn\.head\.cls_logits\.weight$/,
    box: /^roi_heads\.box_head\.(?:fc\d+|\d+(?:\.0)?)\.weight$/,
    classes: /^roi_heads\.box_predictor\.cls_score\.weight$/,
    mask: /^roi_heads\.mask_head\.(?:mask_fcn\d+|\d+\.0)\.weight$/,
  },
  detectron2: {
    lateral: /^backbone\.fpn_lateral\d+\.weight$/,
    rpnConv: /^proposal_generator\.rpn_head\.conv(?:\.conv\d+)?\.weight$/,
    rpnLogits: /^proposal_generator\.rpn_head\.objectness_logits\.weight$/,
    box: /^roi_heads\.box_head\.(?:conv|fc)\d+\.weight$/,
    classes: /^roi_heads\.box_predictor\.cls_score\.weight$/,
    mask: /^roi_heads\.mask_head\.mask_fcn\d+\.weight$/,
  },
  mmdetection: {
    lateral: /^neck\.lateral_convs\.\d+\.conv\.weight$/,
    rpnConv: /^rpn_head\.rpn_conv(?:\.\d+\.conv)?\.weight$/,
    rpnLogits: /^rpn_head\.rpn_cls\.weight$/,
    box: /^roi_head\.bbox_head\.shared_(?:convs\.\d+\.conv|fcs\.\d+)\.weight$/,
    classes: /^roi_head\.bbox_head\.fc_cls\.weight$/,
    mask: /^roi_head\.mask_head\.convs\.\d+\.conv\.weight$/,
  },
};

/** Weights of a part, by the numbers in their names. */
function partOf({ tensors }: StateDictFile, pattern: RegExp): readonly SafetensorsTensor[] {
  const names = Object.keys(tensors).filter((name) => pattern.test(name));
  const natural = new Intl.Collator("en", { numeric: true });
  return names.sort(natural.compare).map((name) => tensors[name]!);
}

const widths = (part: readonly SafetensorsTensor[], axes: number): readonly number[] =>
  part.filter(({ shape }) => shape.length === axes).map(({ shape }) => shape[0]!);

/** Whose names a file has; `null` if it holds no detector of another library. */
function namingOf(file: StateDictFile): DetectorNaming | null {
  const has = (naming: DetectorNaming, part: keyof Places) => partOf(file, PLACES[naming][part]).length > 0;
  return DETECTOR_NAMINGS.find((naming) =>
    (["lateral", "rpnLogits", "classes"] as const).every((part) => has(naming, part))
  ) ?? null;
}

function backboneIn(file: StateDictFile, naming: DetectorNaming, backbones: readonly Model[]): Model {
  const prefix = BACKBONE_PREFIXES[naming];
  // torchvision's may still have its classifier; norms of maps belong to the pyramid.
  const beside = /^(?:fc|norm\d+)\./;
  const own = Object.entries(file.tensors).filter(([name]) =>
    name.startsWith(prefix) && !beside.test(name.slice(prefix.length)) &&
    !PLACES[naming].lateral.test(name)
  );
  const body = withTensors(file, Object.fromEntries(own.map(([name, x]) => [name.slice(prefix.length), x])));
  const found = backbones.find((model) => holdsBackbone(body, model));
  if (found) return found;
  throw new RangeError(
    `Cannot tell the backbone of ${file.path} as it must be one of ${backbones.map(({ name }) => name).join(", ")}: ` +
      `current names are ${own.slice(0, 3).map(([name]) => name).join(", ") || "none"}`,
  );
}

/** Sizes of a detector, as a file tells them. */
export type DetectorSizes = DetectorOptions & {
  /** Whose names the file has, whose rules are followed where nothing else is said. */
  readonly variant: DetectorNaming;
};

/**
 * Tells the sizes of a detector from the names and shapes of its weights: backbone, classes, widths and numbers of layers,
 * norms. What shapes do not tell (sizes of anchors, thresholds, the side that the mask head reads) is that of the library.
 *
 * @param file Of `readStateDict`.
 * @param options `backbones`: models that it may be; the first that fits.
 * @returns Options for `detector`; `null` if the file holds no detector of torchvision, detectron2 or mmdetection.
 * @throws {RangeError} If it holds one whose backbone is none of these, or that has not three anchors a cell.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { decodeStateDict, encodePth } from "@tessera/tessera/data";
 * import { detector, resnet18, tinyResnet } from "@tessera/tessera/nn";
 * import { detectorSizes, detectorStateDict } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const model = detector({ backbone: tinyResnet(), classes: 2, fpnChannels: 4, boxFcs: [4, 6], maskConvs: [4] });
 * const dict = await detectorStateDict(model, model.init(random.key(0)), { naming: "mmdetection" });
 * const sizes = detectorSizes(decodeStateDict(encodePth(dict), "a.pth"), { backbones: [resnet18(), tinyResnet()] })!;
 * equal(`${sizes.backbone.name} ${sizes.classes} ${sizes.fpnChannels} ${sizes.boxFcs}`, "tiny_resnet 2 4 4,6");
 * ```
 */
export function detectorSizes(
  file: StateDictFile,
  options: { readonly backbones: readonly Model[] },
): DetectorSizes | null {
  requireOptions("detectorSizes", options, { backbones: true });
  const naming = namingOf(file);
  if (naming === null) return null;
  const part = (name: keyof Places) => partOf(file, PLACES[naming][name]);
  const backbone = backboneIn(file, naming, options.backbones);
  const [fpnChannels] = widths(part("lateral"), 4) as [number];
  const [box, [anchors]] = [part("box"), widths(part("rpnLogits"), 4)];
  const [boxConvs, boxFcs] = [widths(box, 4), widths(box, 2)];
  if (anchors !== 3) {
    throw new RangeError(
      `Cannot tell the anchors of ${file.path} as there must be 3 a cell, one size and three shapes: current number is ` +
        `${anchors}; give anchorSizes and anchorRatios to detector()`,
    );
  }
  const maskConvs = widths(part("mask"), 4);
  const names = Object.keys(file.tensors);
  const pyramid = naming === "torchvision"
    ? /^backbone\.fpn\./
    : naming === "detectron2"
    ? /^backbone\.fpn_/
    : /^neck\./;
  const hasNorms = names.some((name) => pyramid.test(name) && name.endsWith("running_var"));
  const counts = names.some((name) => name.startsWith("backbone.") && name.endsWith("num_batches_tracked"));
  const [flat] = box.filter(({ shape }) => shape.length === 2).map(({ shape }) => shape[1]!);
  const wide = boxConvs.at(-1) ?? fpnChannels;
  return {
    ...{ backbone, variant: naming, classes: widths(part("classes"), 2)[0]! - 1, fpnChannels, boxConvs, boxFcs },
    ...{ rpnConvs: part("rpnConv").length, headNorm: hasNorms ? "batch" : "none", masks: maskConvs.length > 0 },
    ...(maskConvs.length > 0 ? { maskConvs } : {}),
    ...(flat === undefined ? {} : { boxSize: Math.round(Math.sqrt(flat / wide)) }),
    ...(backbone.densifyNorm === "bn" && !counts ? { backboneNorm: "frozen" } : {}),
  };
}
