/** @file The command that finds objects in images: `deno task detect:predict --help`. */
import { cocoResultRecords, counted, type Detection, openAnnotations, writeFileAtomic } from "../../../data/mod.ts";
import { imageDetector } from "../../train/detection/detect_images.ts";
import { onRunDevice } from "../../train/devices.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { countOnTerminal } from "../cli/terminal.ts";
import { DETECTOR_FILE_OPTIONS, type DetectorFile, openDetectorFile } from "./detector_file.ts";
import { openAllImages } from "../shared/image_places.ts";
import { machineOf } from "../shared/machine.ts";
import { type FoundImage, imagesOf, type NumberedImage, readInGroups } from "./numbered_images.ts";
import { pictureNames, pictureOf } from "./picture_file.ts";

const OPTIONS = {
  ...DETECTOR_FILE_OPTIONS,
  batchSize: { kind: "whole", least: 1, most: 1024, help: "images at once, of those that have one size", default: 1 },
  annotations: {
    kind: "text",
    placeholder: "PATH",
    what: "a file or a folder",
    help: [
      "annotations of the images (COCO's JSON, Pascal VOC's XML), for their ids and for names of the classes (default: images",
      "are numbered from 1)",
    ],
  },
  drawn: { kind: "number", least: 0, most: 1, help: "objects that are less sure are not drawn", default: 0.5 },
  pictures: {
    kind: "whole",
    least: 0,
    help: "pictures that are drawn, of the first images (default: all)",
    default: null,
  },
  out: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "folder for results.json, images.json and pictures/",
    default: "detections",
  },
} as const;

const LINE = {
  task: "detect:predict",
  purpose: "Finds objects in images: COCO's result format, and pictures with boxes, masks, names and scores.",
  operands: { names: ["IMAGES"], least: 1, most: 100_000 },
  usage: "--init PATH",
  options: OPTIONS,
  details:
    `IMAGES are image files, folders of them, or archives. results.json is for deno task detect:evaluate and all tools
that read COCO's results; images.json has the ids of images and classes. An image that cannot be read is said.
Photographs are turned as their cameras say; with --annotations they are as these have them.`,
} as const;

/** Runs the command: exit code 0; 1 if no image could be read. */
export const detectPredict: Command = command(LINE, async (given, paths) => {
  const { out, batchSize, drawn, pictures } = withDefaults(OPTIONS, given);
  const set = given.annotations === undefined ? null : await openAnnotations(given.annotations);
  const file = await openDetectorFile(LINE.task, given, set?.categories ?? null, print);
  const images = await imagesOf(await Promise.all(paths.map((path) => openAllImages(path, print))), set, print);
  print(`${file.path}: ${file.name}`);
  await Deno.mkdir(`${out}/pictures`, { recursive: true });
  const names = pictureNames(images);
  const draw = async (found: FoundImage, place: number) => {
    if (place >= (pictures ?? Infinity)) return;
    await writeFileAtomic(`${out}/pictures/${names[place]}`, pictureOf(found, file.categories, drawn));
  };
  const { found, canvases } = await detectAll(file, images, { ...given, batchSize }, draw);
  await write(`${out}/results.json`, cocoResultRecords(found.flatMap(({ detections }) => detections)));
  if (!set) await write(`${out}/images.json`, namedSet(found, file));
  sayFound(found, { images, canvases, out });
  return found.length > 0 ? 0 : 1;
});

/** Images with what was found in them, in the order of the files; those that cannot be read are left out, and said. */
async function detectAll(
  { model, weights, input, categories }: DetectorFile,
  images: readonly NumberedImage[],
  { batchSize, device, ...machine }: Parameters<typeof machineOf>[0] & {
    readonly batchSize: number;
    readonly device?: string;
  },
  draw: (found: FoundImage, place: number) => Promise<void>,
): Promise<{ readonly found: readonly FoundSummary[]; readonly canvases: number }> {
  const progress = countOnTerminal();
  const ids = categories.map(({ id }) => id);
  const run = { kept: "", tuning: "none", ...machineOf(machine) };
  const result = await onRunDevice(device, run, async (opened) => {
    const detector = imageDetector(model, weights, { input, categories: ids, device: opened });
    const found: FoundSummary[] = [];
    const onSkip = (name: string, reason: string) => progress.note(`Skips ${name} as ${reason}`);
    for await (const group of readInGroups(images, batchSize, onSkip)) {
      const detected = await detector.detect(group.map(({ id, pixels }) => ({ id, pixels })));
      for (const [i, { pixels, detections }] of detected.entries()) {
        const { id, name, place } = group[i]!;
        await draw({ id, name, pixels, detections }, place);
        found.push({ id, name, height: pixels.height, width: pixels.width, detections });
      }
      progress.show("images", group.at(-1)!.place + 1, images.length);
    }
    return { found, canvases: detector.canvases().length };
  });
  progress.end();
  return result;
}

/** What is kept of an image. */
interface FoundSummary {
  readonly id: number;
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly detections: readonly Detection[];
}

/** A COCO file without objects, which results can be read with. */
function namedSet(found: readonly FoundSummary[], { categories }: DetectorFile): object {
  const images = found.map(({ id, name, height, width }) => ({ id, file_name: name, height, width }));
  return { images, categories, annotations: [] };
}

const write = (path: string, value: unknown): Promise<void> => writeFileAtomic(path, `${JSON.stringify(value)}\n`);

function sayFound(
  found: readonly FoundSummary[],
  { images, canvases, out }: {
    readonly images: readonly NumberedImage[];
    readonly canvases: number;
    readonly out: string;
  },
): void {
  const objects = found.reduce((sum, { detections }) => sum + detections.length, 0);
  print(
    `${counted(objects, "object")} in ${found.length} of ${counted(images.length, "image")}, filled up to ` +
      `${counted(canvases, "size")}; wrote ${out}/results.json`,
  );
}

if (import.meta.main) await runCommand(detectPredict);
