import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import { dataKey, drawsOf, encodePng, paintBackground } from "../../../data/mod.ts";
import { settleFinetuneOptions } from "../../../spark/commands/finetune/settled_finetune_options.ts";
import { targetBatches } from "../../../spark/commands/finetune/target_batches.ts";
import { evalBatches, openLabelledData } from "../../../spark/commands/shared/labelled_data.ts";
import { withFolder } from "../../data/support.ts";

async function makeImages(path: string, classes: readonly string[], each: number): Promise<void> {
  for (const name of classes) {
    await Deno.mkdir(`${path}/${name}`, { recursive: true });
    for (let i = 0; i < each; i++) {
      await Deno.writeFile(`${path}/${name}/${i}.png`, encodePng(paintBackground(16, drawsOf(dataKey(i)))));
    }
  }
}

const DEFAULTS = { val: null, labels: null, seed: 1 };

Deno.test("openLabelledData() finds train/ and val/, and numbers classes by their names", () =>
  withFolder({}, async (path) => {
    await makeImages(`${path}/train`, ["cat", "dog", "owl"], 4);
    await makeImages(`${path}/val`, ["owl", "dog"], 2);
    const { train, val, classes } = await openLabelledData({ ...DEFAULTS, data: path });
    deepStrictEqual([train.length, val.length, classes], [12, 4, ["cat", "dog", "owl"]]);
    for (let i = 0; i < val.length; i++) match(val.nameOf(i), new RegExp(`/${classes[val.labels[i]!]}/`));
    await makeImages(`${path}/other`, ["cat", "fish"], 1);
    await rejects(
      openLabelledData({ ...DEFAULTS, data: `${path}/train`, val: `${path}/other` }),
      /^Error: Cannot evaluate as the classes of .*other must be among .*cat, dog, owl: current one is fish/,
    );
    await rejects(
      openLabelledData({ ...DEFAULTS, data: `${path}/train/cat` }),
      /^Error: Cannot fine-tune as the images must have two or more classes/,
    );
  }));

Deno.test("openLabelledData() holds a tenth out by the seed, and draws labels of the rest alone", () =>
  withFolder({}, async (path) => {
    await makeImages(path, ["a", "b"], 20);
    const names = ({ length, nameOf }: { length: number; nameOf: (i: number) => string }) =>
      Array.from({ length }, (_, i) => nameOf(i));
    const whole = await openLabelledData({ ...DEFAULTS, data: path });
    deepStrictEqual([whole.train.length, whole.val.length], [36, 4]);
    equal(new Set([...names(whole.train), ...names(whole.val)]).size, 40);
    const other = await openLabelledData({ ...DEFAULTS, data: path, seed: 2 });
    ok(names(other.val).join() !== names(whole.val).join() && other.images !== whole.images);
    const few = await openLabelledData({ ...DEFAULTS, data: path, labels: 10 });
    deepStrictEqual(names(few.val), names(whole.val));
    deepStrictEqual([...few.train.labels].sort(), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    ok(names(few.train).every((name) => names(whole.train).includes(name)));
  }));

for (
  const [name, folder, says] of [
    ["flat", "test", "no classes"],
    ["in a folder of no class", "test/unknown", "none of the classes to train on"],
  ] as const
) {
  Deno.test(`openLabelledData() neither trains nor evaluates on images of a competition's test/, ${name}`, () =>
    withFolder({}, async (path) => {
      await makeImages(`${path}/train`, ["a", "b"], 10);
      await makeImages(path, [folder], 5);
      const lines: string[] = [];
      const { train, val } = await openLabelledData({ ...DEFAULTS, data: path, tell: (line) => lines.push(line) });
      deepStrictEqual([train.length, val.length], [18, 2]);
      for (const { length, nameOf } of [train, val]) {
        for (let i = 0; i < length; i++) match(nameOf(i), /\/train\/[ab]\//);
      }
      match(lines.join("\n"), new RegExp(`split test nothing is trained or evaluated on, as it has ${says}: a tenth`));
    }));
}

/** Records of CIFAR-10 whose labels count up from `first`. */
const records = (count: number, first: number) =>
  Uint8Array.from({ length: count * 3073 }, (_, i) => i % 3073 === 0 ? (first + i / 3073) % 10 : (i * 13) & 255);

Deno.test("openLabelledData() evaluates on the test images of CIFAR-10's original files", () =>
  withFolder({}, async (path) => {
    await Deno.writeFile(`${path}/data_batch_1.bin`, records(20, 0));
    await Deno.writeFile(`${path}/test_batch.bin`, records(7, 3));
    const { train, val, classes } = await openLabelledData({ ...DEFAULTS, data: path });
    deepStrictEqual([train.length, [...val.labels], classes.length], [20, [3, 4, 5, 6, 7, 8, 9], 10]);
    const seen: number[] = [];
    for await (const { indices } of evalBatches(val, { size: [32, 32], batchSize: 4, workers: 0 })) {
      seen.push(...indices);
    }
    deepStrictEqual([...new Set(seen)].sort(), [0, 1, 2, 3, 4, 5, 6]);
    equal(seen.length, 8);
  }));

Deno.test("targetBatches() depend on the step alone; targets are probabilities", () =>
  withFolder({}, async (path) => {
    await Deno.writeFile(`${path}/data_batch_1.bin`, records(20, 0));
    await Deno.writeFile(`${path}/test_batch.bin`, records(7, 3));
    const { train } = await openLabelledData({ ...DEFAULTS, data: path });
    const given = {
      data: path,
      model: "mini_resnet8",
      fromScratch: true,
      batchSize: 4,
      mixup: 0.8,
      cutmix: 1,
      erase: 0.5,
      augment: "rand",
    } as const;
    const options = settleFinetuneOptions(given, null);
    const read = async (startStep: number) => {
      const found: string[] = [];
      for await (const { images, targets } of targetBatches(train, options, 10, { startStep, steps: 8, workers: 0 })) {
        const rows = await targets.data() as Float32Array;
        for (let i = 0; i < 4; i++) {
          const sum = rows.slice(10 * i, 10 * i + 10).reduce((total, x) => total + x, 0);
          ok(Math.abs(sum - 1) < 1e-5 && rows.every((x) => x >= 0.0099));
        }
        found.push(`${(await images.data()).join()};${rows.join()}`);
      }
      return found;
    };
    const whole = await read(0);
    deepStrictEqual([whole.length, new Set(whole).size], [8, 8]);
    deepStrictEqual(await read(5), whole.slice(5));
  }));

Deno.test("openLabelledData() says what is used and left out of both sources, and refuses fewer labels than classes", () =>
  withFolder({}, async (path) => {
    await makeImages(`${path}/Train`, ["cat", "dog"], 2);
    await makeImages(`${path}/valid`, ["dog"], 1);
    await Deno.writeFile(`${path}/valid/sample.png`, new Uint8Array(9));
    await Deno.writeFile(`${path}/Train/cat/x.heic`, new Uint8Array(9));
    const lines: string[] = [];
    const tell = (line: string) => lines.push(line.replaceAll(path, "pets"));
    const { train, val } = await openLabelledData({ ...DEFAULTS, data: path, tell });
    deepStrictEqual(lines, [
      "pets (folder, split Train): 4 images of 2 classes by folders: cat 2, dog 2",
      "  left out 3 of 7 files: 2 images of the split valid (valid/dog/0.png, valid/sample.png), 1 HEIC image " +
      "(Train/cat/x.heic)",
      "pets (folder, split valid): 1 image of 1 class by folders: dog 1",
      "  left out 6 of 7 files: 4 images of the split Train (Train/cat/0.png, Train/cat/1.png, …), 1 HEIC image " +
      "(Train/cat/x.heic), 1 image beside the folders of classes (valid/sample.png)",
      "  the only image to evaluate on has the name and class of an image to train on; of 1 that were compared 1 is a copy, " +
      "such as pets/valid/dog/0.png: what is measured there says nothing of images that were not seen",
    ]);
    deepStrictEqual([train.account!.used, val.account!.classes], [4, [{ name: "cat", count: 0 }, {
      name: "dog",
      count: 1,
    }]]);
    await rejects(
      openLabelledData({ ...DEFAULTS, data: path, labels: 1, tell }),
      /--labels must be at least the number of classes, 2, so that each has one: current --labels is 1/,
    );
  }));

Deno.test("openLabelledData() names the sample that lacks a class, and a part without classes", () =>
  withFolder({}, async (path) => {
    const image = encodePng(paintBackground(16, drawsOf(dataKey(1))));
    await makeImages(`${path}/train`, ["cat", "dog"], 2);
    await Deno.mkdir(`${path}/val`);
    await Deno.writeFile(`${path}/val/0.png`, image);
    const tell = () => {};
    await rejects(
      openLabelledData({ ...DEFAULTS, data: path, tell }),
      /Cannot evaluate as the images of .*, split val must have classes, as those to train on: current images have none/,
    );
  }));
