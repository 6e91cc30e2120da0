/** @file Images that are no pictures but belong to one: masks, maps of depth, targets. They are never trained on as images. */
import { namedPart, wordsOf } from "./splits.ts";

/** Words of what belongs to a picture. */
const MAPS = new Set([
  ...["mask", "masks", "seg", "segs", "segmentation", "segmentations", "segmented", "annotation", "annotations"],
  ...[
    "label",
    "labels",
    "gt",
    "gts",
    "groundtruth",
    "truth",
    "trimap",
    "trimaps",
    "matte",
    "mattes",
    "alpha",
    "alphas",
  ],
  ...[
    "depth",
    "depths",
    "disparity",
    "normals",
    "instance",
    "instances",
    "semantic",
    "saliency",
    "contour",
    "contours",
  ],
  ...["edges", "heatmap", "heatmaps", "target", "targets", "overlay", "overlays"],
]);

/** Words of the pictures themselves. */
const PICTURES = new Set([
  ...[
    "image",
    "images",
    "img",
    "imgs",
    "photo",
    "photos",
    "picture",
    "pictures",
    "pic",
    "pics",
    "jpeg",
    "jpegs",
    "jpg",
  ],
  ...["rgb", "color", "colour", "input", "inputs", "original", "originals", "raw", "frame", "frames"],
]);

const isMap = (name: string): boolean => wordsOf(name).some((word) => MAPS.has(word));
const isPictures = (name: string): boolean =>
  !isMap(name) && (namedPart(name) !== undefined || wordsOf(name).some((word) => PICTURES.has(word)));

/**
 * Finds images that belong to others: in folders of masks beside folders of pictures (`masks/` beside `images/`,
 * `SegmentationClass/` beside `JPEGImages/`), or beside their picture under its name (`1_mask.png`, `1.seg.png` beside
 * `1.png`). Classes that are called so, such as `mask` beside `no_mask`, are none.
 *
 * @param paths Paths of all images of a source.
 * @returns Numbers of those that are no pictures.
 */
export function companionsOf(paths: readonly string[]): ReadonlySet<number> {
  const parted = paths.map((path) => path.split("/"));
  const maps = mapFolders(parted);
  const pictures = picturesByFolder(parted);
  const found = parted.map((names) =>
    names.slice(0, -1).some((_, i) => maps.has(names.slice(0, i + 1).join("/"))) ||
    belongsToPicture(names.at(-1)!, pictures.get(names.slice(0, -1).join("/"))!)
  );
  return new Set(found.flatMap((isFound, i) => isFound ? [i] : []));
}

/** Folders of maps: all that lie beside each other are of pictures or of maps, and there are both. */
function mapFolders(parted: readonly (readonly string[])[]): ReadonlySet<string> {
  const inside = new Map<string, Set<string>>();
  for (const names of parted) {
    for (let depth = 0; depth < names.length - 1; depth++) {
      const parent = names.slice(0, depth).join("/");
      inside.set(parent, (inside.get(parent) ?? new Set()).add(names[depth]!));
    }
  }
  return new Set(
    [...inside].flatMap(([parent, set]) => {
      const names = [...set];
      const isPair = names.some(isMap) && names.some(isPictures) &&
        names.every((name) => isMap(name) || isPictures(name));
      return isPair ? names.filter(isMap).map((name) => parent === "" ? name : `${parent}/${name}`) : [];
    }),
  );
}

const stemOf = (file: string): string => file.replace(/\.[^.]*$/, "");

/** Words that images of their own may end with: `grey_alpha.png` beside `grey.png`. */
const OWN = new Set(["alpha", "alphas", "edges", "overlay", "overlays", "instance", "instances", "normals", "contour"]);

/** A stem that ends with the word of a map, and perhaps a number: `1_mask`, `1.seg`, `benign (1)_mask_2`. */
const MAP_STEM = new RegExp(
  `^(.+?)[-_. ]+(?:${[...MAPS].filter((word) => !OWN.has(word)).join("|")})(?:[-_. ]+\\w{1,8}|\\d{1,3})?$`,
  "i",
);

/** Names of the pictures in each folder: stems, and what stems such as `1.image` stand for. */
function picturesByFolder(parted: readonly (readonly string[])[]): ReadonlyMap<string, ReadonlySet<string>> {
  const stems = new Map<string, Set<string>>();
  for (const names of parted) {
    const folder = names.slice(0, -1).join("/");
    const set = stems.get(folder) ?? new Set<string>();
    stems.set(folder, set);
    const stem = stemOf(names.at(-1)!);
    if (!MAP_STEM.test(stem)) set.add(stem);
    const [, base, word] = /^(.+)[-_. ]([A-Za-z]+)$/.exec(stem) ?? [];
    if (base !== undefined && PICTURES.has(word!.toLowerCase())) set.add(base);
  }
  return stems;
}

function belongsToPicture(file: string, pictures: ReadonlySet<string>): boolean {
  const [, picture] = MAP_STEM.exec(stemOf(file)) ?? [];
  return picture !== undefined && pictures.has(picture);
}
