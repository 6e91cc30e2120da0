/** @file Data as practitioners have them, made small: each layout, and what is to come of it. */
import { gzipSync } from "node:zlib";
import { encodePng } from "../../../data/images/png.ts";
import { encodeZip } from "../../../data/formats/zip_writer.ts";
import { joined, tarOf } from "../formats/tar_support.ts";
import { testImage } from "../support.ts";

/** Files by path. */
export type Tree = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** What comes of a layout. */
export interface Outcome {
  /** Images that are trained on. */
  readonly used: number;
  /** Names of the classes; null where there are none. */
  readonly classes: readonly string[] | null;
  /** The part that is used. */
  readonly split?: string;
  /** Images of the part to evaluate on. */
  readonly val?: number;
  /** What the line about the rest must say. */
  readonly says?: RegExp;
}

/** A layout. */
export interface LayoutRow {
  readonly name: string;
  readonly tree: Tree;
  /** What is opened below the folder of the tree; the folder itself if not given. */
  readonly open?: string;
  /** What comes of it, or the error. */
  readonly gives: Outcome | RegExp;
}

const seeds = { next: 0 };

/** Another small PNG at each call. */
export const png = (): Uint8Array<ArrayBuffer> => encodePng(testImage(12, 10, seeds.next++ % 7));
export const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
export const none: Uint8Array<ArrayBuffer> = new Uint8Array(4);

/** Some images in a folder for each path. */
export function images(...paths: readonly string[]): Tree {
  return Object.fromEntries(paths.flatMap((path) => [1, 2].map((i) => [`${path}/${i}.png`, png()])));
}

export const tar = (tree: Tree, prefix = ""): Uint8Array<ArrayBuffer> =>
  tarOf(Object.entries(tree).map(([path, bytes]) => ({ path: prefix + path, bytes })));

export const zip = (tree: Tree): Uint8Array<ArrayBuffer> =>
  encodeZip(new Map(Object.entries(tree).map(([path, bytes]) => [path, [bytes]])));

const gz = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(bytes));

const PETS = ["cat", "dog"];
const both = (...splits: readonly string[]) =>
  images(...splits.flatMap((split) => PETS.map((pet) => `${split}/${pet}`)));
const pets = images(...PETS);

/** A shard of a WebDataset. */
const shard = (first: number, label: (i: number) => Tree): Uint8Array<ArrayBuffer> =>
  tar(Object.assign({}, ...[0, 1].map((i) => ({ [`${first + i}.png`]: png(), ...label(first + i) }))));

/** The layouts. */
export const LAYOUTS: readonly LayoutRow[] = [
  { name: "a folder for each class", tree: pets, gives: { used: 4, classes: PETS, says: /all of 4 files/ } },
  {
    name: "train and val (ImageNet)",
    tree: both("train", "val"),
    gives: { used: 4, classes: PETS, split: "train", val: 4, says: /4 images of the split val/ },
  },
  {
    name: "Training and Testing (Kaggle, brain tumours)",
    tree: both("Training", "Testing"),
    gives: { used: 4, classes: PETS, split: "Training", val: 4, says: /of the split Testing/ },
  },
  {
    name: "train, valid and test (Roboflow), with a README",
    tree: { ...both("train", "valid", "test"), "README.md": none },
    gives: { used: 4, classes: PETS, split: "train", val: 4, says: /1 text \(README\.md\)/ },
  },
  {
    name: "seg_train/seg_train and seg_test/seg_test (Intel scenes)",
    tree: both("seg_train/seg_train", "seg_test/seg_test"),
    gives: { used: 4, classes: PETS, split: "seg_train", val: 4 },
  },
  {
    name: "dataset/training_set and dataset/test_set, below one folder",
    tree: both("dataset/training_set", "dataset/test_set"),
    gives: { used: 4, classes: PETS, split: "training_set", val: 4 },
  },
  {
    name: "train2017 and val2017 without classes (COCO), annotations beside",
    tree: { ...images("train2017", "val2017"), "annotations/a.json": none },
    gives: { used: 2, classes: null, split: "train2017", val: 2, says: /1 JSON file/ },
  },
  {
    name: "parts below each class (MVTec)",
    tree: images("bottle/train/good", "bottle/test/broken", "screw/train/good", "screw/test/good"),
    gives: { used: 4, classes: ["bottle", "screw"], split: "train", val: 4 },
  },
  {
    name: "images/train and labels/train (YOLO)",
    tree: { ...images("images/train", "images/val"), "labels/train/1.txt": text("0 0.5 0.5 1 1") },
    gives: { used: 2, classes: null, split: "train", val: 2 },
  },
  {
    name: "class folders with an images folder in each (Tiny ImageNet)",
    tree: images("train/n01443537/images", "train/n01629819/images", "val/images"),
    gives: { used: 4, classes: ["n01443537", "n01629819"], split: "train", val: 2 },
  },
  {
    name: "an image beside the class folders",
    tree: { ...pets, "sample.png": png() },
    gives: { used: 4, classes: PETS, says: /1 image beside the folders of classes \(sample\.png\)/ },
  },
  {
    name: "the folders of an operating system beside",
    tree: { ...pets, "__MACOSX/cat/._1.png": none, "cat/.DS_Store": none, "dog/Thumbs.db": none },
    gives: { used: 4, classes: PETS, says: /hidden/ },
  },
  {
    name: "formats that are not read beside those that are",
    tree: { ...pets, "cat/3.heic": none, "cat/4.svg": none, "dog/3.psd": none },
    gives: { used: 4, classes: PETS, says: /1 HEIC image \(cat\/3\.heic\), 1 Photoshop image .*, 1 SVG drawing/ },
  },
  {
    name: "class folders beside the archive that they came from",
    tree: { ...pets, "pets.zip": zip({ "a.png": png() }) },
    gives: { used: 4, classes: PETS, says: /1 archive beside images \(pets\.zip\)/ },
  },
  {
    name: "a tar of train/ and val/",
    tree: { "a.tar": tar(both("train", "val")) },
    open: "a.tar",
    gives: { used: 4, classes: PETS, split: "train", val: 4 },
  },
  {
    name: "tar -C folder -cf x.tar .",
    tree: {
      "x.tar": tarOf([
        { path: "./", type: "5" },
        ...Object.entries(pets).map(([path, bytes]) => ({ path: `./${path}`, bytes })),
      ]),
    },
    open: "x.tar",
    gives: { used: 4, classes: PETS },
  },
  {
    name: "a tar of a tar for each class (ILSVRC2012_img_train.tar)",
    tree: {
      "train.tar": tar({
        "n01440764.tar": tar({ "n01440764_1.png": png(), "n01440764_2.png": png() }),
        "n01443537.tar": tar({ "n01443537_1.png": png() }),
      }),
    },
    open: "train.tar",
    gives: { used: 3, classes: ["n01440764", "n01443537"] },
  },
  {
    name: "a folder of a tar for each class",
    tree: { "cat.tar": tar(images("x")), "dog.tar": tar(images("y")) },
    gives: { used: 4, classes: PETS },
  },
  {
    name: "train.tar.gz and val.tar.gz in a folder",
    tree: { "train.tar.gz": gz(tar(pets)), "val.tar.gz": gz(tar(images("cat"))) },
    gives: { used: 4, classes: PETS, split: "train", val: 2 },
  },
  {
    name: "a zip of one folder (Kaggle)",
    tree: {
      "pets.zip": zip({
        ...Object.fromEntries(Object.entries(pets).map(([k, v]) => [`PetImages/${k}`, v])),
        "readme.txt": none,
      }),
    },
    open: "pets.zip",
    gives: { used: 4, classes: PETS, says: /1 text/ },
  },
  {
    name: "a zip of train.zip and test.zip",
    tree: { "pets.zip": zip({ "train.zip": zip(pets), "test.zip": zip(images("cat")) }) },
    open: "pets.zip",
    gives: { used: 4, classes: PETS, split: "train", val: 2 },
  },
  {
    name: "shards of a WebDataset, an image beside",
    tree: {
      "s-000.tar": shard(0, (i) => ({ [`${i}.cls`]: text(`${i % 2}`) })),
      "s-001.tar": shard(2, (i) => ({ [`${i}.cls`]: text(`${i % 2}`) })),
      "preview.png": png(),
    },
    gives: { used: 4, classes: ["0", "1"], says: /1 image beside archives/ },
  },
  {
    name: "shards in train-… and val-…, labels in JSON",
    tree: {
      "pets-train-000.tar": shard(0, (i) => ({ [`${i}.json`]: text(`{"id": ${i}, "label": ${i % 2}}`) })),
      "pets-train-001.tar": shard(2, (i) => ({ [`${i}.json`]: text(`{"id": ${i}, "label": ${i % 2}}`) })),
      "pets-val-000.tar": shard(4, (i) => ({ [`${i}.json`]: text(`{"id": ${i}, "label": ${i % 2}}`) })),
    },
    gives: { used: 4, classes: ["0", "1"], split: "train", val: 2 },
  },
  {
    name: "samples with masks: 0.png, 0.seg.png, 0.cls",
    tree: { "a.tar": shard(0, (i) => ({ [`${i}.seg.png`]: png(), [`${i}.cls`]: text(PETS[i]!) })) },
    open: "a.tar",
    gives: { used: 2, classes: PETS, says: /2 images of masks or other maps/ },
  },
  {
    name: "samples in upper case: 0.PNG, 0.CLS",
    tree: { "a.tar": tar({ "0.PNG": png(), "0.CLS": text("1\n"), "1.PNG": png(), "1.CLS": text("0\n") }) },
    open: "a.tar",
    gives: { used: 2, classes: ["0", "1"] },
  },
  {
    name: "classes by name in .txt, captions are none",
    tree: {
      "a.tar": shard(0, (i) => ({ [`${i}.txt`]: text(PETS[i]!) })),
      "b/c.tar": shard(0, (i) => ({ [`${i}.txt`]: text(`a photo of a very nice small pet number ${i}`) })),
    },
    open: "a.tar",
    gives: { used: 2, classes: PETS },
  },
  {
    name: "one label is missing",
    tree: { "a.tar": tar({ "0.png": png(), "0.cls": text("1"), "1.png": png(), "2.png": png(), "2.cls": text("0") }) },
    open: "a.tar",
    gives: { used: 3, classes: null, says: /without classes: 1 of 3 samples have no \.cls file .*a\.tar\/1/ },
  },
  {
    name: "a half-downloaded archive: a web page",
    tree: { "a.tar": text("<!DOCTYPE html><html>not found</html>") },
    open: "a.tar",
    gives: /a\.tar as images as it must be a tar, tar\.gz or zip archive: current .*a\.tar is an HTML page/,
  },
  {
    name: "a Git LFS pointer",
    tree: { "a.zip": text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n") },
    open: "a.zip",
    gives: /a\.zip is a Git LFS pointer, not the file itself; fetch the file with git lfs pull/,
  },
  {
    name: "tar.xz",
    tree: { "a.tar.xz": joined([Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), none]) },
    open: "a.tar.xz",
    gives: /a\.tar\.xz is packed with xz; unpack it and give the folder/,
  },
  {
    name: "7z",
    tree: { "a.7z": Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0, 4) },
    open: "a.7z",
    gives: /a\.7z is a 7-Zip archive; unpack it/,
  },
  {
    name: "HEIC photos alone",
    tree: { "cat/1.heic": none, "cat/2.HEIC": none },
    gives: /must hold images .*2 HEIC images, such as cat\/1\.heic/,
  },
  {
    name: "weights in the place of images",
    tree: { "model.safetensors": joined([Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0), text("{}")]) },
    open: "model.safetensors",
    gives: /model\.safetensors is a safetensors file/,
  },
  {
    name: "validation and test images only",
    tree: both("valid", "test"),
    gives: /must have images to train on: current splits are .*valid.*give the folder of one of them/,
  },
];
