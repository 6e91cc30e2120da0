import { maskArea } from "../coco/run_lengths.ts";
import type { CocoObject, CocoSet } from "../coco/coco_set.ts";
import type { Dataset } from "../dataset.ts";
import type { SceneObject } from "./scene.ts";

/**
 * Lists the objects of all scenes of a data set as annotations: to evaluate detectors on sets that are made up.
 *
 * @param dataset Scenes that do not depend on what is drawn.
 * @returns Images of the ids 1, 2, …, in the order of the set; categories likewise.
 * @throws {TypeError} If the set does not know its objects.
 */
export async function sceneAnnotations(dataset: Dataset): Promise<CocoSet> {
  const { length, nameOf, loadScene, labelNames = [] } = dataset;
  if (!loadScene) {
    throw new TypeError(
      `Cannot list objects as ${dataset.name} must know the objects in its images: current loadScene is undefined`,
    );
  }
  const images: CocoSet["images"][number][] = [];
  const objects: CocoObject[] = [];
  for (let index = 0; index < length; index++) {
    const scene = await loadScene(index, () => 0);
    const { width, height } = scene.image;
    images.push({ id: index + 1, name: nameOf(index), width, height });
    scene.objects.forEach((object) => objects.push(annotationOf(object, objects.length + 1, index + 1)));
  }
  return { images, categories: labelNames.map((name, i) => ({ id: i + 1, name })), objects, problems: [] };
}

function annotationOf(
  { class: kind, box: [x1, y1, x2, y2], segmentation, crowd }: SceneObject,
  id: number,
  image: number,
): CocoObject {
  const area = segmentation && "counts" in segmentation ? maskArea(segmentation) : (x2 - x1) * (y2 - y1);
  return { id, image, category: kind + 1, box: [x1, y1, x2 - x1, y2 - y1], area, crowd, segmentation };
}
