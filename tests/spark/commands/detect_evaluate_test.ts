import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import golden from "../../golden/detection.json" with { type: "json" };
import { COCO_METRICS } from "../../../data/mod.ts";
import { detectEvaluate } from "../../../spark/commands/detect_evaluate/detect_evaluate.ts";
import { withFolder } from "../../data/support.ts";
import { caught } from "./command_here.ts";

const [{ dataset, results, bbox, segm, segmWithBoxesInResults }] = golden.coco.evaluation as unknown as [
  typeof golden.coco.evaluation[number],
];
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Runs the command with its print caught. */
async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const { lines, release } = caught("stdout");
  try {
    return { code: await detectEvaluate(args), lines: lines() };
  } finally {
    release();
  }
}

const FILES = {
  "annotations.json": json({
    ...dataset,
    annotations: [...dataset.annotations, { id: 999, image_id: 11, category_id: 12345, bbox: [0, 0, 4, 4] }],
  }),
  "results.json": json([...results, { image_id: 404, category_id: 1, bbox: [0, 0, 1, 1], score: 1 }]),
  "boxes.json": json(results.map(({ segmentation: _, ...rest }) => rest)),
  "masks.json": json(results.map(({ bbox: _, ...rest }) => rest)),
  "bad.json": json({}),
};

type Written = Readonly<Record<string, unknown>> & {
  readonly box?: Readonly<Record<string, number>>;
  readonly mask?: Readonly<Record<string, number>>;
  readonly classes: readonly { readonly name: string; readonly box: Readonly<Record<string, number>> }[];
  readonly leftOut: Readonly<Record<string, readonly { readonly what: string }[]>>;
};

const near = (got: Readonly<Record<string, number>>, expected: readonly number[]) =>
  COCO_METRICS.forEach((name, i) => ok(Math.abs(got[name]! - expected[i]!) < 1e-11, `${name} ${got[name]}`));

Deno.test("detect:evaluate gives the official numbers of boxes and masks, per class, as text, JSON and SVG", () =>
  withFolder(FILES, async (folder) => {
    const file = (name: string) => `${folder}/${name}`;
    const of = ["--annotations", file("annotations.json"), "--results"];
    const to = ["--out", file("out.json")];
    const written = async (): Promise<Written> => JSON.parse(await Deno.readTextFile(file("out.json")));
    const first = await run(...of, file("results.json"), ...to, "--curves", file("curves.svg"), "--per-class");
    equal(first.code, 0);
    const all = await written();
    near(all.box!, bbox.stats);
    near(all.mask!, segmWithBoxesInResults.stats);
    all.classes.forEach(({ box }, k) => ok(Math.abs(box.AP! - bbox.perCategoryAP[k]!) < 1e-11));
    deepStrictEqual(all.leftOut.annotations!.map(({ what }) => what), ["annotation 999"]);
    deepStrictEqual(all.leftOut.results!.map(({ what }) => what), [`result number ${results.length + 1}`]);
    const text = first.lines.join("\n");
    match(text, /left out of .*annotations\.json: annotation 999: its category must be in the file: it is 12345/);
    match(text, /left out of .*results\.json: result number \d+: its image must be in the annotations: it is 404/);
    match(text, new RegExp(`^box +${bbox.stats[0]!.toFixed(4)} +${bbox.stats[1]!.toFixed(4)}`, "m"));
    equal(first.lines.filter((line) => /^.+, (box|mask) /.test(line)).length, 2 * dataset.categories.length);
    match(await Deno.readTextFile(file("curves.svg")), /^<svg .*mask 0\.5 to 0\.95/s);
  }));

Deno.test("detect:evaluate takes sizes as asked for, results of boxes or masks alone, and refuses by name", () =>
  withFolder(FILES, async (folder) => {
    const file = (name: string) => `${folder}/${name}`;
    const of = ["--annotations", file("annotations.json"), "--results"];
    const to = ["--out", file("out.json")];
    const written = async (): Promise<Written> => JSON.parse(await Deno.readTextFile(file("out.json")));
    await run(...of, file("results.json"), ...to, "--areas", "own", "--kind", "mask");
    const masks = await written();
    deepStrictEqual(masks.box, undefined);
    near(masks.mask!, segm.stats);
    await run(...of, file("masks.json"), ...to); // without boxes the official tool takes areas from masks
    near((await written()).mask!, segm.stats);
    const boxes = await run(...of, file("boxes.json"), ...to);
    match(boxes.lines.join("\n"), /masks: the results have none/);
    near((await written()).box!, bbox.stats);
    deepStrictEqual((await written()).mask, undefined);

    await rejects(
      run(...of, file("boxes.json"), "--kind", "mask"),
      /Cannot evaluate masks as every detection must have/,
    );
    await rejects(run(...of, file("bad.json")), /bad\.json as COCO results/);
    await rejects(run(...of, file("none.json")), /Cannot read --results/);
    await rejects(run("--results", file("boxes.json")), /--annotations must name/);
    await rejects(run("--annotations", file("annotations.json")), /--results must name/);
  }));

Deno.test("detect:evaluate writes a page with all numbers, and a curve for each class that has objects", () =>
  withFolder(FILES, async (folder) => {
    const file = (name: string) => `${folder}/${name}`;
    const of = ["--annotations", file("annotations.json"), "--results", file("results.json")];
    await run(...of, "--report", file("page.html"));
    const page = await Deno.readTextFile(file("page.html"));
    const sorted = dataset.categories.toSorted((a, b) => a.id - b.id);
    const counted = sorted.filter((_, k) => bbox.perCategoryAP[k]! >= 0);
    equal(page.match(/<details>/g)!.length, counted.length);
    equal(page.match(/<svg /g)!.length, counted.length + 1);
    sorted.forEach(({ name }, k) => {
      if (bbox.perCategoryAP[k]! >= 0) {
        ok(page.includes(`<summary>${name}: box ${bbox.perCategoryAP[k]!.toFixed(4)}, mask `), name);
      }
    });
    ok(page.includes(`<td>${bbox.stats[0]!.toFixed(4)}</td><td>${bbox.stats[1]!.toFixed(4)}</td>`));
  }));

Deno.test("detect:evaluate joins many records of one reason, and says what is odd", () => {
  const many = Array.from(
    { length: 30 },
    (_, i) => ({ image_id: `x${i}`, category_id: 1, bbox: [0, 0, 1, 1], score: 1 }),
  );
  const [first] = dataset.annotations;
  const odd = { ...dataset, annotations: [...dataset.annotations, { ...first, id: 998, bbox: [-50, -50, 9, 9] }] };
  return withFolder({ "annotations.json": json(odd), "results.json": json(many) }, async (folder) => {
    const { lines } = await run("--annotations", `${folder}/annotations.json`, "--results", `${folder}/results.json`);
    const text = lines.join("\n");
    match(text, /30 results as its image must be in the annotations \(result number 1: it is "x0", .*\)\n/);
    match(text, /left out of .*: 30 in all; --out FILE writes each/);
    match(text, /to be noted of .*: 1 annotation with a box outside of its image.* \(annotation 998\)/);
  });
});

Deno.test("detect:evaluate says in how many images something was found, and what is odd of boxes and ids of results", () => {
  const images = [1, 2].map((id) => ({ id, file_name: `${id}.png`, height: 40, width: 60 }));
  const annotations = [{ id: 1, image_id: 1, category_id: 1, bbox: [30, 10, 20, 20] }];
  const boxes = [[30, 10, 50, 30], [0.5, 0.25, 0.3, 0.5], [50, 10, -20, 20], [70, 1, 5, 5], [30, 10, 20, 20]];
  const results = boxes.map((bbox, i) => ({ image_id: i === 4 ? "1" : 1, category_id: 1, score: 0.5, bbox }));
  const set = { images, categories: [{ id: 1, name: "cup" }], annotations };
  return withFolder({ "a.json": json(set), "r.json": json(results) }, async (folder) => {
    const of = ["--annotations", `${folder}/a.json`, "--results", `${folder}/r.json`, "--out", `${folder}/out.json`];
    const text = (await run(...of)).lines.join("\n");
    match(text, /^results: 5 detections in 1 of 2 images, 0 with a mask$/m);
    const { noted } = JSON.parse(await Deno.readTextFile(`${folder}/out.json`));
    deepStrictEqual(noted.results.map(({ what, reason }: Record<string, string>) => `${what} ${reason}`), [
      "result number 1 with a box that goes on beyond its image",
      "result number 2 with a box of less than a pixel",
      "result number 3 with a box of negative width or height",
      "result number 4 with a box outside of its image, where nothing can be found",
      "result number 5 with ids as text, read as numbers",
    ]);
    match(text, /^to be noted of .*r\.json: 1 result with a box that goes on beyond its image \(result number 1\)$/m);
  });
});
