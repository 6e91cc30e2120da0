import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { parquetReadObjects } from "hyparquet";
import { decodeNpy, encodePng, writeSafetensors } from "../../../data/mod.ts";
import { readZip } from "../../../data/formats/zip_reader.ts";
import { globalAvgPool } from "../../../nn/mod.ts";
import { random, type Tensor, tensor } from "../../../tensor/mod.ts";
import { embed } from "../../../spark/commands/embed/embed.ts";
import { evaluate } from "../../../spark/commands/evaluate/evaluate.ts";
import { predict } from "../../../spark/commands/predict/predict.ts";
import { ownWeights } from "../../../spark/commands/shared/own_weights.ts";
import { MODELS } from "../../../spark/train/model_table.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testImage, withFolder } from "../../data/support.ts";
import { runHere } from "./command_here.ts";

const MODEL = MODELS.mini_resnet8!.make();
const CLASSES = ["ant", "bee", 'cat, "big"'];
const HOW = "--input-size 16 --crop-ratio 1 --device cpu --threads 1 --workers 0 --batch-size 2";
const [MEAN, STD] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

/** A network with statistics that are none of fresh ones, and a head of three classes. */
const { params, state } = MODEL.init(random.key(1));
const head = MODEL.initHead(random.key(2), { classes: 3 });

/** Images of the size of the network, so that nothing is resized, in folders by class, and one file that is none. */
const NAMES = ["ant/0.png", "ant/1.png", "bee/2.png", "bee/3.png", "cat/4.png"];
const IMAGES = NAMES.map((_, i) => testImage(16, 16, i));
const FILES = Object.fromEntries(NAMES.map((name, i) => [`images/${name}`, encodePng(IMAGES[i]!)]));
const BROKEN = { "images/bee/broken.png": new TextEncoder().encode("no image") };

/** Runs `f` with the images and the weights of the network, `network.safetensors`. */
const withNetwork = (f: (folder: string) => Promise<void>, files: Readonly<Record<string, Uint8Array>> = BROKEN) =>
  withFolder({ ...FILES, ...files }, async (folder) => {
    const own = await ownWeights({ encoder: params, head }, { encoder: state }, MODEL.name, { classes: CLASSES });
    await writeSafetensors(`${folder}/network.safetensors`, own.tensors, own.metadata);
    await f(folder);
  });

/** The images as the network takes them, by the definition of normalisation. */
function inputs(): Tensor {
  const values = IMAGES.flatMap(({ data }) => Array.from(data, (byte, i) => (byte / 255 - MEAN[i % 3]!) / STD[i % 3]!));
  return tensor(Float32Array.from(values), { dtype: "float32", shape: [IMAGES.length, 16, 16, 3] });
}

/** Rows of logits, as the model gives them. */
async function expectedLogits(): Promise<readonly (readonly number[])[]> {
  const values = [...await MODEL.logits({ encoder: params, head }, state, inputs()).logits.data()].map(Number);
  return IMAGES.map((_, i) => values.slice(3 * i, 3 * i + 3));
}

const first = (row: readonly number[]) => row.indexOf(Math.max(...row));
const softmax = (row: readonly number[]) => {
  const powers = row.map(Math.exp);
  return powers.map((x) => x / powers.reduce((a, b) => a + b));
};

Deno.test("predict gives classes, probabilities and logits as JSON, and the reason of what cannot be read", () =>
  withNetwork(async (folder) => {
    const line = `${folder}/images --init ${folder}/network.safetensors ${HOW} --top 2 --logits --out ${folder}/p.json`;
    const { code, out, err } = await runHere(predict, line);
    equal(code, 0, err.join("\n"));
    match(out.at(-1)!, /^mini_resnet8 of .*network\.safetensors: 5 of 6 images; wrote .*p\.json$/);
    match(err.join("\n"), /head of 3 classes/); // what was read is said, and not among the results
    const rows = JSON.parse(await Deno.readTextFile(`${folder}/p.json`)) as {
      file: string;
      error?: string;
      logits: number[];
      predictions: { class: string; index: number; probability: number }[];
    }[];
    const good = rows.filter(({ error }) => error === undefined);
    deepStrictEqual(good.map(({ file }) => file.replace(/^.*images\//, "")), NAMES);
    match(rows.find(({ error }) => error !== undefined)!.file, /bee\/broken\.png$/);
    for (const [i, row] of (await expectedLogits()).entries()) {
      const { logits, predictions } = good[i]!;
      assertClose(logits, row, { absolute: 1e-5, relative: 1e-5 });
      const order = [0, 1, 2].sort((a, b) => row[b]! - row[a]!).slice(0, 2);
      deepStrictEqual(predictions.map(({ index }) => index), order);
      deepStrictEqual(predictions.map((each) => each.class), order.map((place) => CLASSES[place]));
      assertClose(predictions.map(({ probability }) => probability), order.map((place) => softmax(row)[place]!), {
        absolute: 1e-5,
      });
    }
  }));

Deno.test("predict of a run folder writes nothing but results to stdout", () =>
  withNetwork(async (folder) => {
    await Deno.mkdir(`${folder}/run`);
    await Deno.rename(`${folder}/network.safetensors`, `${folder}/run/last.safetensors`);
    const { out, err } = await runHere(predict, `${folder}/images/ant --init ${folder}/run ${HOW} --top 1`);
    match(out.join("\n"), /^file,rank,class,index,probability\n/);
    match(err.join("\n"), /--init .*run is a folder: takes .*last\.safetensors/);
  }));

Deno.test("results that cannot be written are refused before the network is read", () =>
  withFolder({}, async (folder) => {
    const absent = `--init ${folder}/none.safetensors`;
    for (
      const [command, line, option] of [
        [predict, `${folder} ${absent} --out ${folder}/no/p.csv`, "--out"],
        [embed, `${folder} ${absent} --out ${folder}/no/e.npz`, "--out"],
        [evaluate, `--data ${folder} ${absent} --confusion ${folder}/no/c.csv`, "--confusion"],
        [evaluate, `--data ${folder} ${absent} --report ${folder}`, "--report"],
      ] as const
    ) {
      const { code, err } = await runHere(command, line);
      equal(code, 1);
      match(err.join("\n"), new RegExp(`Cannot write .* as ${option} must name a file in a folder that is there`));
    }
  }));

Deno.test("predict writes CSV to stdout with names quoted; names of a file go before those of the weights", () =>
  withNetwork(async (folder) => {
    const line = `${folder}/images/cat/4.png ${folder}/images/ant --init ${folder}/network.safetensors ${HOW} --top 1`;
    const { code, out: rows } = await runHere(predict, line);
    const truth = await expectedLogits();
    deepStrictEqual([code, rows[0], rows.length], [0, "file,rank,class,index,probability", 4]);
    const quoted = (name: string) => name.includes('"') ? `"${name.replaceAll('"', '""')}"` : name;
    for (const [row, i] of [[1, 4], [2, 0], [3, 1]] as const) {
      const best = first(truth[i]!);
      ok(rows[row]!.includes(`${NAMES[i]!.slice(4)},1,${quoted(CLASSES[best]!)},${best},0.`), rows[row]);
    }
    await Deno.writeTextFile(`${folder}/names.txt`, "x\r\ny\nz\n");
    const named = await runHere(predict, `${line} --classes ${folder}/names.txt`);
    match(named.out[1]!, /4\.png,1,[xyz],\d,/);
    await Deno.writeTextFile(`${folder}/names.txt`, "x\ny\n");
    const refused = await runHere(predict, `${line} --classes ${folder}/names.txt`);
    match(refused.err.at(-1)!, /a name for each of its 3 classes: current number of names is 2/);
  }));

Deno.test("predict goes on where one of several places cannot be read, and fails where none can", () =>
  withNetwork(async (folder) => {
    const [good, bad] = [`${folder}/images/ant/0.png`, `${folder}/images/bee/broken.png`];
    const line = `--init ${folder}/network.safetensors ${HOW} --top 1`;
    const both = await runHere(predict, `${bad} ${good} ${line}`);
    equal(both.code, 0, both.err.join("\n"));
    match(both.out.join("\n"), /broken\.png,,"?cannot be read: .*\n.*ant\/0\.png,1,/);
    const none = await runHere(predict, `${bad} ${line}`);
    equal(none.code, 1);
    match(none.out.at(-1)!, /broken\.png,,"?cannot be read: /);
    const embedded = await runHere(embed, `${bad} --init ${folder}/network.safetensors ${HOW} --out ${folder}/f.npy`);
    match(embedded.err.at(-1)!, /at least one image must be readable: current number is 0 of 1/);
  }));

Deno.test("evaluate scores each class, with confusion matrix, report and what could not be read", () =>
  withNetwork(async (folder) => {
    const line = `--data ${folder}/images --init ${folder}/network.safetensors ${HOW} --out ${folder}/e.json ` +
      `--confusion ${folder}/c.csv --report ${folder}/r.html`;
    const classes = ["ant", "bee", "cat"];
    await Deno.rename(`${folder}/images/cat`, `${folder}/images/${CLASSES[2]}`);
    const { code, out, err } = await runHere(evaluate, line);
    equal(code, 0, err.join("\n"));
    const truth = await expectedLogits();
    const labels = [0, 0, 1, 1, 2];
    const right = labels.filter((label, i) => first(truth[i]!) === label).length;
    const loss = labels.reduce((sum, label, i) => sum - Math.log(softmax(truth[i]!)[label]!), 0) / labels.length;
    const result = JSON.parse(await Deno.readTextFile(`${folder}/e.json`));
    deepStrictEqual([result.images, result.unread.length, result.top5], [5, 1, 1]);
    assertClose([result.top1, result.loss], [right / 5, loss], { absolute: 1e-5 });
    const recalls = classes.map((_, c) => {
      const own = labels.flatMap((label, i) => label === c ? [first(truth[i]!) === c ? 1 : 0] : []);
      return own.reduce((a: number, b) => a + b, 0) / own.length;
    });
    assertClose(result.classes.map(({ recall }: { recall: number }) => recall), recalls, { absolute: 1e-9 });
    const counts = classes.map((_, c) =>
      classes.map((_, p) => labels.filter((label, i) => label === c && first(truth[i]!) === p).length)
    );
    const table = (await Deno.readTextFile(`${folder}/c.csv`)).trimEnd().split("\n").slice(1);
    deepStrictEqual(table.map((row) => row.split(",").slice(-3).map(Number)), counts);
    match(out.join("\n"), /5 images: top-1 .*1 could not be read: .*broken\.png/);
    match(await Deno.readTextFile(`${folder}/r.html`), /<html/);
  }));

Deno.test("evaluate refuses classes that the weights do not name, weights without a head, and no --data", () =>
  withNetwork(async (folder) => {
    const line = `--init ${folder}/network.safetensors ${HOW}`;
    const other = await runHere(evaluate, `--data ${folder}/images ${line}`);
    match(other.err.at(-1)!, /classes of .* must be among those .*: current one is cat/);
    match((await runHere(evaluate, line)).err.at(-1)!, /--data must name labelled images: current value is absent/);
    const own = await ownWeights({ encoder: params }, { encoder: state }, MODEL.name);
    await writeSafetensors(`${folder}/bare.safetensors`, own.tensors, own.metadata);
    const bare = await runHere(evaluate, `--data ${folder}/images --init ${folder}/bare.safetensors ${HOW}`);
    match(bare.err.at(-1)!, /must hold a classifier: current file is mini_resnet8 without a head; make one with/);
  }));

Deno.test("embed writes the means of the coarsest map with the names of the files, as npy, npz and parquet", () =>
  withNetwork(async (folder) => {
    const pooled = globalAvgPool(MODEL.features(params, state, inputs()).features.at(-1)!);
    const expected = [...await pooled.data()].map(Number);
    for (const format of ["npy", "npz", "parquet"]) {
      const out = `${folder}/f.${format}`;
      const ran = await runHere(embed, `${folder}/images --init ${folder}/network.safetensors ${HOW} --out ${out}`);
      equal(ran.code, 0, ran.err.join("\n"));
      match(ran.out.at(-1)!, /: 64 features of 5 images, 1 cannot be read; wrote /);
      const { files, features } = await embedded(out);
      deepStrictEqual(files.map((name) => name.replace(/^.*images\//, "")), NAMES, format);
      assertClose(features, expected, { absolute: 1e-5, relative: 1e-5 });
    }
    const refused = await runHere(embed, `${folder}/images --init ${folder}/network.safetensors --out ${folder}/f.csv`);
    match(refused.err.at(-1)!, /--out must name a file that ends with \.npz, \.npy, \.parquet/);
  }));

/** Names and features of a file of any format. */
async function embedded(
  path: string,
): Promise<{ readonly files: readonly string[]; readonly features: readonly number[] }> {
  const bytes = await Deno.readFile(path);
  if (path.endsWith(".npy")) {
    const files = (await Deno.readTextFile(`${path}.txt`)).trimEnd().split("\n");
    return { files, features: [...decodeNpy(bytes).data].map(Number) };
  }
  if (path.endsWith(".npz")) {
    const entries = readZip(bytes);
    const texts = entries.get("files.npy")!;
    const head = new TextDecoder().decode(texts.subarray(10, 128));
    const [, width, count] = /<U(\d+)', .*\((\d+),\)/.exec(head)!.map(Number);
    const points = new Uint32Array(texts.slice(texts.length - 4 * width! * count!).buffer);
    const files = Array.from(
      { length: count! },
      (_, i) => String.fromCodePoint(...points.subarray(i * width!, (i + 1) * width!)).replace(/\0+$/, ""),
    );
    return { files, features: [...decodeNpy(entries.get("features.npy")!).data].map(Number) };
  }
  const rows = await parquetReadObjects({ file: bytes.buffer }) as { file: string; features: number[] }[];
  return { files: rows.map(({ file }) => file), features: rows.flatMap(({ features }) => features) };
}

Deno.test("predict and embed take the images of all parts and classes of a folder, and say what they leave out", () =>
  withNetwork(async (folder) => {
    const run = `${folder}/parts --init ${folder}/network.safetensors ${HOW}`;
    const { out, err } = await runHere(predict, `${run} --top 1`);
    const files = out.slice(1).map((row) => row.split(",")[0]!.replace(/^.*parts\//, ""));
    deepStrictEqual(files, ["beside.png", "train/ant/0.png", "train/bee/2.png", "val/ant/1.png"]);
    const said =
      /parts: left out 2 of 6 files: 1 HEIC image \(val\/3\.heic\), 1 image of masks .* \(train\/ant\/0_mask\.png\)/;
    match(err.join("\n"), said);
    const embedded = await runHere(embed, `${run} --out ${folder}/e.npz`);
    match(embedded.out.at(-1)!, /64 features of 4 images; wrote/);
    match(embedded.err.join("\n"), said);
  }, {
    "parts/train/ant/0.png": encodePng(IMAGES[0]!),
    "parts/train/ant/0_mask.png": encodePng(IMAGES[0]!),
    "parts/train/bee/2.png": encodePng(IMAGES[2]!),
    "parts/val/ant/1.png": encodePng(IMAGES[1]!),
    "parts/val/3.heic": new Uint8Array(4),
    "parts/beside.png": encodePng(IMAGES[3]!),
  }));
