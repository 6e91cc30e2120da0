/** @file Data whose folders and files have other names than the usual ones, made small: each layout, and what comes of it. */
import { tarOf } from "../formats/tar_support.ts";
import { images, type LayoutRow, none, png, tar, text, type Tree } from "./layouts.ts";

const AB = ["a", "b"];
const parts = (...names: readonly string[]) => images(...names.flatMap((name) => AB.map((each) => `${name}/${each}`)));
const flat = (...paths: readonly string[]): Tree => Object.fromEntries(paths.map((path) => [path, png()]));
const split = (train: string, val: number) => ({ used: 4, classes: AB, split: train, val });
const listed = flat("images/1.png", "images/2.png", "images/3.png", "images/4.png");
const zeroOne = { used: 4, classes: ["0", "1"] };

/** A table of the four images of `listed`. */
function rows(name: (i: number) => string, label: (i: number) => string, end = "\n"): string {
  return [1, 2, 3, 4].map((i) => `${name(i)}${label(i)}${end}`).join("");
}

const utf16 = (value: string) => new Uint8Array(Uint16Array.from(`\ufeff${value}`, (c) => c.charCodeAt(0)).buffer);
const latin1 = (value: string) => Uint8Array.from(value, (c) => c.charCodeAt(0));

const PARTS: readonly LayoutRow[] = [
  { name: "trainval and test", tree: parts("trainval", "test"), gives: split("trainval", 4) },
  { name: "train_val and test", tree: parts("train_val", "test"), gives: split("train_val", 4) },
  { name: "TrainingSet and TestSet", tree: parts("TrainingSet", "TestSet"), gives: split("TrainingSet", 4) },
  { name: "traindata and valdata", tree: parts("traindata", "valdata"), gives: split("traindata", 4) },
  { name: "trn and tst", tree: parts("trn", "tst"), gives: split("trn", 4) },
  { name: "train and hold-out", tree: parts("train", "hold-out"), gives: split("train", 4) },
  { name: "stage1_train and stage1_test", tree: parts("stage1_train", "stage1_test"), gives: split("stage1_train", 4) },
  {
    name: "Training, PublicTest and PrivateTest (FER2013)",
    tree: parts("Training", "PublicTest", "PrivateTest"),
    gives: { ...split("Training", 8), says: /8 images of the split PrivateTest and PublicTest/ },
  },
  {
    name: "bounding_box_train, bounding_box_test and query (Market-1501)",
    tree: images("bounding_box_train", "bounding_box_test", "query"),
    gives: {
      used: 2,
      classes: null,
      split: "bounding_box_train",
      val: 2,
      says: /2 images beside the folders of splits/,
    },
  },
  {
    name: "a class and a part in the name of each folder",
    tree: images("a_train", "b_train", "a_test", "b_test"),
    gives: { used: 4, classes: AB, split: "a_train and b_train", val: 4 },
  },
  {
    name: "accents in one letter and in two (archives of Macs)",
    tree: images("train/caf\u00e9", "train/a", "val/cafe\u0301", "val/a"),
    gives: { used: 4, classes: ["a", "caf\u00e9"], split: "train", val: 4 },
  },
  { name: "numbered folds with all classes in each", tree: parts("fold1", "fold2"), gives: { used: 8, classes: AB } },
  { name: "numbered classes", tree: images("n01/images", "n02/images"), gives: { used: 4, classes: ["n01", "n02"] } },
  {
    name: "classes that are called as parts are, with others",
    tree: images("steam train", "bus"),
    gives: { used: 4, classes: ["bus", "steam train"] },
  },
];

const MAPS: readonly LayoutRow[] = [
  {
    name: "images and masks",
    tree: images("images", "masks"),
    gives: { used: 2, classes: ["images"], says: /2 images of masks or other maps \(masks\/1\.png/ },
  },
  {
    name: "JPEGImages, SegmentationClass, SegmentationObject and Annotations (VOC)",
    tree: {
      ...images("VOC/JPEGImages", "VOC/SegmentationClass", "VOC/SegmentationObject"),
      "VOC/Annotations/1.xml": none,
    },
    gives: { used: 2, classes: ["JPEGImages"], says: /4 images of masks/ },
  },
  {
    name: "leftImg8bit and gtFine, parts and cities below (Cityscapes)",
    tree: images(...["train", "val"].flatMap((part) => [`leftImg8bit/${part}/bonn`, `gtFine/${part}/bonn`])),
    gives: { used: 2, classes: ["bonn"], split: "train", val: 2, says: /4 images of masks/ },
  },
  {
    name: "train and train_masks (Carvana)",
    tree: images("train", "train_masks"),
    gives: { used: 2, classes: null, split: "train", says: /2 images of masks/ },
  },
  {
    name: "images beside annotations/trimaps (Oxford pets)",
    tree: images("images", "annotations/trimaps"),
    gives: { used: 2, classes: ["images"], says: /2 images of masks/ },
  },
  {
    name: "masks beside their pictures in class folders (BUSI)",
    tree: flat(...AB.flatMap((name) => ["", "_mask", "_mask_1"].map((end) => `${name}/${name} (1)${end}.png`))),
    gives: { used: 2, classes: AB, says: /4 images of masks/ },
  },
  {
    name: "samples of image.png and mask.png, input.png and target.png",
    tree: { "s.tar": tar(flat("0.image.png", "0.mask.png", "1.input.png", "1.target.png")) },
    open: "s.tar",
    gives: { used: 2, classes: null, says: /2 images of masks/ },
  },
  {
    name: "classes mask and no_mask",
    tree: images("mask", "no_mask"),
    gives: { used: 4, classes: ["mask", "no_mask"] },
  },
  {
    name: "a class of masks among objects",
    tree: images("mask", "photo", "chair"),
    gives: { used: 6, classes: ["chair", "mask", "photo"] },
  },
];

const TABLES: readonly LayoutRow[] = [
  {
    name: "a list of names and classes (Caffe)",
    tree: { ...listed, "train.txt": text(rows((i) => `images/${i}.png`, (i) => ` ${i % 2}`)) },
    gives: { ...zeroOne, says: /by train\.txt/ },
  },
  {
    name: "a table without names of columns",
    tree: { ...listed, "labels.csv": text(rows((i) => `${i}.png`, (i) => `,${AB[i % 2]}`)) },
    gives: { used: 4, classes: AB, says: /all of 5 files/ },
  },
  {
    name: "paths of Windows, of another machine",
    tree: { ...listed, "l.csv": text(`file,label\n${rows((i) => `C:\\data\\images\\${i}.png`, (i) => `,${i % 2}`)}`) },
    gives: zeroOne,
  },
  {
    name: "paths from the folder of the table",
    tree: { ...listed, "meta/l.csv": text(`file,label\n${rows((i) => `../images/${i}.png`, (i) => `,${i % 2}`)}`) },
    gives: zeroOne,
  },
  {
    name: "a dictionary in JSON",
    tree: {
      ...listed,
      "labels.json": text(`{${rows((i) => `"${i}.png":`, (i) => `"${AB[i % 2]}",`, "").slice(0, -1)}}`),
    },
    gives: { used: 4, classes: AB },
  },
  {
    name: "pairs under labels in dataset.json (StyleGAN)",
    tree: {
      ...listed,
      "dataset.json": text(`{"labels": [${rows((i) => `["images/${i}.png"`, (i) => `,${i % 2}],`, "").slice(0, -1)}]}`),
    },
    gives: zeroOne,
  },
  {
    name: "a table in UTF-16, as spreadsheets write it",
    tree: { ...listed, "l.csv": utf16(`file,label\n${rows((i) => `${i}.png`, (i) => `,${i % 2}`)}`) },
    gives: zeroOne,
  },
  {
    name: "a table in Latin-1",
    tree: { ...listed, "l.csv": latin1(`file,label\n${rows((i) => `${i}.png`, (i) => `,${["Käse", "Öl"][i % 2]}`)}`) },
    gives: { used: 4, classes: ["Käse", "Öl"] },
  },
  {
    name: "a table whose names are others",
    tree: { ...listed, "l.csv": text(`file,label\n${rows((i) => `0${i}`, (i) => `,${i % 2}`)}`) },
    gives: { used: 4, classes: ["images"], says: /; l\.csv names less than half of the images/ },
  },
  {
    name: "an image that is called as a column",
    tree: { ...flat("image.png", "a.png"), "l.csv": text("image,label\nimage,x\na,y\n") },
    gives: { used: 2, classes: ["x", "y"] },
  },
  {
    name: "classes before boxes in a table of the part to evaluate on (ImageNet on Kaggle)",
    tree: {
      ...images("ILSVRC/train/n01", "ILSVRC/train/n02"),
      ...flat("ILSVRC/val/v1.png", "ILSVRC/val/v2.png"),
      "LOC_val_solution.csv": text("ImageId,PredictionString\nv1,n02 1 2 3 4 \nv2,n01 1 2 3 4 n01 5 6 7 8 \n"),
    },
    gives: { used: 4, classes: ["n01", "n02"], split: "train", val: 2 },
  },
];

const LINKS: readonly LayoutRow[] = [
  {
    name: "links in a tar archive are the files that they lead to",
    tree: {
      "x.tar": tarOf([
        { path: "a/1.png", bytes: png() },
        { path: "b/1.png", bytes: png() },
        { path: "b/2.png", type: "2", link: "1.png" },
        { path: "b/3.png", type: "1", link: "a/1.png" },
        { path: "b/4.png", type: "2", link: "../../../etc/passwd" },
        { path: "b/5.png", type: "2", link: "none.png" },
      ]),
    },
    open: "x.tar",
    gives: { used: 4, classes: AB, says: /2 links to what is no file of the archive \(b\/4\.png, b\/5\.png\)/ },
  },
];

/** The layouts. */
export const NAMED_LAYOUTS: readonly LayoutRow[] = [...PARTS, ...MAPS, ...TABLES, ...LINKS];
