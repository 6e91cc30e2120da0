/** @file Data in which something is missed, and parts that lists tell, made small: each layout, and what comes of it. */
import { gzipSync } from "node:zlib";
import { joined, tarOf } from "../formats/tar_support.ts";
import { images, type LayoutRow, none, png, tar, text, type Tree, zip } from "./layouts.ts";

const gz = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(bytes));
const AB = ["a", "b"];
const flat = (...paths: readonly string[]): Tree => Object.fromEntries(paths.map((path) => [path, png()]));
const listed = flat("images/1.png", "images/2.png", "images/3.png", "images/4.png");

const MISSED: readonly LayoutRow[] = [
  {
    name: "a class whose folder is empty, and one within another",
    tree: { ...images("cat", "dog"), "owl/": none, "fox/more/": none },
    gives: { used: 4, classes: ["cat", "dog"], says: /left out 2 of 6 files: 2 empty folders \(fox, owl\)/ },
  },
  {
    name: "a class without an image that can be read",
    tree: { ...images("train/cat", "train/dog", "val/cat"), "train/owl/1.heic": none, "train/elk/.DS_Store": none },
    gives: {
      ...{ used: 4, classes: ["cat", "dog"], split: "train", val: 2 },
      says: /1 empty folder \(train\/elk\), 1 folder without an image \(train\/owl\)/,
    },
  },
  {
    name: "a part that is empty",
    tree: { ...images("train/cat", "train/dog"), "val/": none },
    gives: { used: 4, classes: ["cat", "dog"], says: /1 empty folder \(val\)/ },
  },
  {
    name: "an empty class in a tar archive",
    tree: {
      "a.tar": tarOf([
        ...["x/", "x/cat/", "x/dog/", "x/owl/"].map((path) => ({ path, type: "5" })),
        ...Object.entries(images("x/cat", "x/dog")).map(([path, bytes]) => ({ path, bytes })),
      ]),
    },
    open: "a.tar",
    gives: { used: 4, classes: ["cat", "dog"], says: /1 empty folder \(x\/owl\)/ },
  },
  {
    name: "an empty class in a zip archive",
    tree: { "a.zip": zip({ "owl/": new Uint8Array(0), ...images("cat", "dog") }) },
    open: "a.zip",
    gives: { used: 4, classes: ["cat", "dog"], says: /1 empty folder \(owl\)/ },
  },
  {
    name: "a folder of notes beside those of the classes",
    tree: { ...images("cat", "dog"), "docs/readme.md": none },
    gives: { used: 4, classes: ["cat", "dog"], says: /1 folder without an image \(docs\), 1 text/ },
  },
];

const flatTar = () => tar(flat("1.png", "2.png"));

const NUMBERED: readonly LayoutRow[] = [
  {
    name: "archives whose names differ by a number alone",
    tree: { "n01.tar": flatTar(), "n02.tar": flatTar() },
    gives: {
      ...{ used: 4, classes: null },
      says:
        /without classes: n01\.tar, n02\.tar are taken for parts of one set, as their names differ by a number alone/,
    },
  },
  {
    name: "archives that are numbered as classes",
    tree: { "class_0.tar": flatTar(), "class_1.tar": flatTar() },
    gives: { used: 4, classes: ["class_0", "class_1"] },
  },
  {
    name: "archives of neighbouring numbers of WordNet",
    tree: { "n02123045.tar": flatTar(), "n02123046.tar": flatTar() },
    gives: { used: 4, classes: ["n02123045", "n02123046"] },
  },
];

const LISTS: readonly LayoutRow[] = [
  {
    name: "train.txt and test.txt of names without endings (Food-101)",
    tree: {
      ...images("images/a", "images/b"),
      "meta/train.txt": text("a/1\nb/1\n"),
      "meta/test.txt": text("a/2\nb/2\n"),
      "meta/classes.txt": text("a\nb\n"),
    },
    gives: { used: 2, classes: AB, split: "meta/train.txt", val: 2, says: /2 images of the split meta\/test\.txt/ },
  },
  {
    name: "the same in a zip archive",
    tree: {
      "f.zip": zip({ ...images("f/a", "f/b"), "f/train.txt": text("a/1\nb/1\n"), "f/test.txt": text("a/2\nb/2\n") }),
    },
    open: "f.zip",
    gives: { used: 2, classes: AB, split: "f/train.txt", val: 2 },
  },
  {
    name: "lists of paths with a class after each, of both parts",
    tree: {
      ...listed,
      "train.txt": text("images/1.png 0\nimages/2.png 1\n"),
      "val.txt": text("images/3.png 1\nimages/4.png 0\n"),
    },
    gives: { used: 2, classes: ["0", "1"], split: "train.txt", val: 2, says: /by train\.txt/ },
  },
  {
    name: "train.csv with classes, test.csv without (Kaggle, plants)",
    tree: {
      ...listed,
      "train.csv": text("image_id,healthy,rust\n1,1,0\n2,0,1\n"),
      "test.csv": text("image_id\n3\n4\n"),
      "sample_submission.csv": text("image_id,healthy,rust\n3,0,0\n4,0,0\n"),
    },
    gives: { used: 2, classes: ["healthy", "rust"], split: "train.csv", val: 2 },
  },
  {
    name: "train, val and trainval (VOC), an image in none",
    tree: {
      ...listed,
      "sets/train.txt": text("1\n2\n"),
      "sets/val.txt": text("3\n"),
      "sets/trainval.txt": text("1\n2\n3\n"),
    },
    gives: { used: 2, classes: ["images"], split: "sets/train.txt", val: 1, says: /1 image in no list of a split/ },
  },
  {
    name: "lists that overlap tell no parts",
    tree: { ...listed, "train1.txt": text("1\n2\n"), "test2.txt": text("2\n3\n") },
    gives: { used: 4, classes: ["images"], says: /2 texts \(/ },
  },
];

const PACKED: readonly LayoutRow[] = [
  {
    name: "images of MNIST in gzip",
    tree: {
      "train-images-idx3-ubyte.gz": gz(Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4)),
    },
    open: "train-images-idx3-ubyte.gz",
    gives: /is packed with gzip and holds an IDX file, as of MNIST, no tar archive/,
  },
  {
    name: "files without an ending",
    tree: { "x/train": none, "x/test": none },
    gives: /has 2 files without an ending, such as x\/test/,
  },
  {
    name: "an image in gzip",
    tree: { "a.gz": gz(png()) },
    open: "a.gz",
    gives: /a\.gz is packed with gzip and holds a PNG image, no tar archive/,
  },
  {
    name: "a tar archive in gzip of several members, as parallel tools write it",
    tree: {
      "a.tar.gz": joined([tar(images("cat", "dog"))].flatMap((all) => [gz(all.slice(0, 700)), gz(all.slice(700))])),
    },
    open: "a.tar.gz",
    gives: { used: 4, classes: ["cat", "dog"] },
  },
];

/** The layouts. */
export const MISSED_LAYOUTS: readonly LayoutRow[] = [...MISSED, ...NUMBERED, ...LISTS, ...PACKED];
