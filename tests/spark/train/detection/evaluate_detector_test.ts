import { deepStrictEqual, ok } from "node:assert/strict";
import { sceneAnnotations } from "../../../../data/mod.ts";
import type { ImageDetector } from "../../../../spark/train/detection/detect_images.ts";
import { detectorEvaluation } from "../../../../spark/train/detection/evaluate_detector.ts";
import { sceneSet } from "../../../data/batches/scene_set.ts";

Deno.test("Evaluations of images that are at hand let timers in, so that other ranks hear of the first, and Ctrl-C ends them", async () => {
  const dataset = sceneSet({ sizes: Array(12).fill([20, 30]), objects: 1, kind: "boxes" });
  const set = await sceneAnnotations(dataset);
  const ticks: number[] = [];
  const asked: number[] = [];
  const detector = {
    detect: (images) => {
      asked.push(images.length);
      return Promise.resolve([]);
    },
    canvases: () => [],
  } as ImageDetector;
  const timer = setInterval(() => ticks.push(asked.length), 0);
  const { images } = await detectorEvaluation(detector, { dataset, set })({} as never);
  clearInterval(timer);
  deepStrictEqual([images, asked], [12, [4, 4, 4]]);
  ok(ticks.some((batches) => batches > 0 && batches < 3), `${ticks}`);
});
