/** @file Data whose classes stand in a table beside the images, made small: each layout, and what is to come of it. */
import { images, type LayoutRow, none, png, tar, text, type Tree, zip } from "./layouts.ts";

const PETS = ["cat", "dog"];
const flat = (...names: readonly string[]): Tree => Object.fromEntries(names.map((name) => [name, png()]));
const four = flat("a1.png", "a2.png", "b1.png", "b2.png");

/** The layouts. */
export const TABLE_LAYOUTS: readonly LayoutRow[] = [
  {
    name: "labels.csv of names without endings (Kaggle, dog breeds)",
    tree: { ...four, "labels.csv": text("id,breed\na1,cat\na2,dog\nb1,dog\nb2,cat\nnot_here,dog\n") },
    gives: { used: 4, classes: PETS, says: /2 classes by labels\.csv: cat 2, dog 2[^]*all of 5 files/ },
  },
  {
    name: "train_images, train.csv, a submission beside (Kaggle, cassava)",
    tree: {
      ...flat("train_images/1.jpg.png", "train_images/2.png", "test_images/2.png"),
      "train.csv": text("image_id,label\n1.jpg.png,1\n2.png,0\n"),
      "sample_submission.csv": text("image_id,label\n2.png,4\n"),
    },
    gives: { used: 2, classes: ["0", "1"], split: "train_images", val: 1, says: /1 text \(sample_submission\.csv\)/ },
  },
  {
    name: "a table in each part, of names relative to it (Hugging Face, metadata.csv)",
    tree: {
      ...flat("train/1.png", "train/2.png", "val/1.png", "val/2.png"),
      "train/metadata.csv": text("file_name,label\n1.png,dog\n2.png,cat\n"),
      "val/metadata.csv": text("file_name,label\n1.png,cat\n2.png,cat\n"),
    },
    gives: { used: 2, classes: PETS, split: "train", val: 2, says: /by train\/metadata\.csv: cat 1, dog 1/ },
  },
  {
    name: "metadata.jsonl with other keys (Hugging Face)",
    tree: {
      ...flat("x/1.png", "x/2.png"),
      "metadata.jsonl": text(
        '{"file_name": "x/1.png", "width": 3, "label": 1, "boxes": [[1, 2]]}\n{"file_name": "x/2.png", "label": 0}\n',
      ),
    },
    gives: { used: 2, classes: ["0", "1"], says: /by metadata\.jsonl/ },
  },
  {
    name: "a spreadsheet's CSV: semicolons, quotes, a byte order mark, line ends of Windows",
    tree: {
      ...four,
      "Klassen.csv": text(
        '\uFEFFDatei;Anmerkung;Class\r\n"a1.png";"sagt ""ja""; nein";Hündin\r\n"a2.png";;Kater\r\nb1.png;"zwei\nZeilen";' +
          "Kater\r\nb2.png;;Kater\r\n",
      ),
    },
    gives: { used: 4, classes: ["Hündin", "Kater"], says: /Hündin 1, Kater 3/ },
  },
  {
    name: "a column of zeros and ones for each class (ISIC)",
    tree: { ...four, "truth.csv": text("image,MEL,NV\na1,1.0,0.0\na2,0.0,1.0\nb1,0.0,1.0\nb2,0.0,1.0\n") },
    gives: { used: 4, classes: ["MEL", "NV"], says: /MEL 1, NV 3/ },
  },
  {
    name: "a column that tells the part",
    tree: {
      ...four,
      "all.csv": text(
        "path,species,split\n./a1.png,cat,train\n./a2.png,dog,train\nb1.png,dog,valid\nb2.png,cat,valid\n",
      ),
    },
    gives: { used: 2, classes: PETS, split: "train", val: 2, says: /2 images of the split valid/ },
  },
  {
    name: "a zip of images/ and labels.tsv",
    tree: {
      "a.zip": zip({ ...flat("images/1.png", "images/2.png"), "labels.tsv": text("file\ttag\n1.png\tb\n2.png\ta\n") }),
    },
    open: "a.zip",
    gives: { used: 2, classes: ["a", "b"], says: /by labels\.tsv/ },
  },
  {
    name: "a tar of images and labels.csv",
    tree: { "a.tar": tar({ ...flat("1.png", "2.png"), "labels.csv": text("name,class\n1,x\n2,y") }) },
    open: "a.tar",
    gives: { used: 2, classes: ["x", "y"], says: /by labels\.csv/ },
  },
  {
    name: "class folders go before a table",
    tree: {
      ...images(...PETS),
      "labels.csv": text("path,label\ncat/1.png,x\ncat/2.png,y\ndog/1.png,x\ndog/2.png,y\n"),
    },
    gives: { used: 4, classes: PETS, says: /by folders[^]*1 text \(labels\.csv\)/ },
  },
  {
    name: "captions are no classes",
    tree: {
      ...four,
      "captions.csv": text("image,caption\na1.png,a small cat that sits on a mat\na2.png,b\nb1.png,c\nb2.png,d\n"),
    },
    gives: { used: 4, classes: null, says: /1 text \(captions\.csv\)/ },
  },
  {
    name: "measures are no classes",
    tree: { ...four, "ages.csv": text("image,age\na1.png,0.51\na2.png,1.7\nb1.png,2.0\nb2.png,1e3\n") },
    gives: { used: 4, classes: null, says: /1 text \(ages\.csv\)/ },
  },
  {
    name: "a table of several classes an image",
    tree: { ...four, "labels.csv": text("image,label\na1.png,x\na1.png,y\na2.png,y\nb1.png,x\nb2.png,x\n") },
    gives: { used: 4, classes: null, says: /without classes: labels\.csv gives a1\.png several classes/ },
  },
  {
    name: "a table that lacks an image",
    tree: { ...four, "labels.csv": text("image,label\na1.png,x\na2.png,y\nb1.png,x\n") },
    gives: {
      used: 4,
      classes: null,
      says: /without classes: 1 of 4 images have no row in labels\.csv, such as b2\.png/,
    },
  },
  {
    name: "a table of something else, a broken one, an empty one",
    tree: {
      ...four,
      "log.csv": text("epoch,loss\n1,2\n2,3\n"),
      "a.csv": text("a,b\n1\n"),
      "b.jsonl": text("{"),
      "c.csv": none,
    },
    gives: { used: 4, classes: null, says: /4 texts|3 texts/ },
  },
  {
    name: "numbers that are ids, not classes",
    tree: {
      "a.tar": tar({
        "0.png": png(),
        "0.json": text('{"label": 1700000000}'),
        "1.png": png(),
        "1.cls": text("8888888"),
      }),
    },
    open: "a.tar",
    gives: { used: 2, classes: null },
  },
];
