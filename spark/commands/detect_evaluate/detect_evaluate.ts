/**
 * The command that scores a detector's results: `deno task detect:evaluate --help`, or `deno run -A jsr:@tessera/tessera/detect_evaluate --help`.
 *
 * @module
 */
import {
  asReasons,
  COCO_METRICS,
  type CocoEvaluation,
  type CocoResults,
  type CocoSet,
  counted,
  evaluateCoco,
  groupedProblems,
  groupText,
  openAnnotations,
  parseJson,
  type Problem,
  readCocoResults,
  writeFileAtomic,
} from "../../../data/mod.ts";
import { precisionChart, scoreSections } from "../../train/detection/score_sections.ts";
import { pageHtml } from "../../train/results/page.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import type { OptionsOf } from "../cli/option.ts";
import { columnsOf, print, printResult } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { FIRST_PIXEL_OPTION } from "../shared/common_options.ts";
import { scoreTable } from "./score_table.ts";

export type { Command } from "../cli/command.ts";

const OPTIONS = {
  annotations: {
    kind: "text",
    placeholder: "PATH",
    what: "a file or a folder",
    help: "what is in the images: a COCO file (JSON), or a folder of Pascal VOC's files (XML)",
  },
  results: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: "what a detector found: COCO's result format (JSON), of any tool",
  },
  kind: {
    kind: "name",
    names: ["all", "box", "mask"],
    help: "what is scored, one of {names}; all: boxes, and masks if the results have them",
    default: "all",
  },
  areas: {
    kind: "name",
    names: ["official", "own"],
    help: [
      "what tells small detections from large ones, one of {names}; official: as COCO's own tool, boxes where the results",
      "have them, for masks too; own: boxes for boxes and masks for masks",
    ],
    default: "official",
  },
  ...FIRST_PIXEL_OPTION,
  perClass: { kind: "flag", help: "print the numbers of each class too" },
  out: { kind: "text", placeholder: "FILE", what: "a file", help: "file for the result, JSON, with each class" },
  curves: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: "file for the curves of precision over recall, SVG",
  },
  report: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: "file for a page with all numbers and the curves of each class, HTML",
  },
} as const;

const LINE = {
  task: "detect:evaluate",
  purpose:
    `Scores what a detector found in images by COCO's rules: twelve numbers for boxes and twelve for masks, equal to those
of COCO's own tool. What is broken in either file is left out and named.`,
  usage: "--annotations PATH --results FILE",
  options: OPTIONS,
} as const;

type Given = OptionsOf<typeof OPTIONS>;
type Kind = "box" | "mask";
type Evaluations = Readonly<Partial<Record<Kind, CocoEvaluation>>>;

/** Problems that are printed one by one; more are joined by their reasons, and the file of `--out` has all. */
const SHOWN = 20;

/** Runs the command: exit code 0. */
export const detectEvaluate: Command = command(LINE, async (given) => {
  const { annotations, results, kind, areas, perClass, firstPixel } = withDefaults(OPTIONS, given);
  if (annotations === undefined || results === undefined) {
    const [name, what] = annotations === undefined
      ? ["annotations", "annotations"]
      : ["results", "results of a detector"];
    throw new RangeError(`Cannot evaluate as --${name} must name ${what}: current value is absent; see --help`);
  }
  const set = await openAnnotations(annotations, { firstPixel: firstPixel as 0 | 1 });
  const found = readCocoResults(parseJson(await bytesOf(results), results, "COCO results"), set, results);
  sayWhatIsThere(set, found);
  sayProblems(annotations, set.problems, set.remarks);
  sayProblems(results, found.problems, found.remarks);
  const evaluations = evaluate(set, found, { kind, areas });
  print("");
  printResult(tableOf(set, evaluations, perClass).join("\n"));
  if (given.out !== undefined) {
    await writeFileAtomic(given.out, `${JSON.stringify(resultOf(given, set, found, evaluations), null, 2)}\n`);
  }
  if (given.curves !== undefined) await writeFileAtomic(given.curves, precisionChart(evaluations));
  if (given.report !== undefined) await writeFileAtomic(given.report, pageOf(given, set, found, evaluations));
  return 0;
});

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new Error(
      `Cannot read --results as it must be a file that can be read: current file is ${path} (${
        (cause as Error).message
      })`,
      { cause },
    );
  }
}

const crowdsOf = ({ objects }: CocoSet): number => objects.filter(({ crowd }) => crowd).length;
const difficultOf = ({ objects }: CocoSet): number => objects.filter(({ difficult }) => difficult).length;

function sayWhatIsThere(set: CocoSet, { detections }: CocoResults): void {
  const difficult = difficultOf(set);
  print(
    `annotations: ${counted(set.images.length, "image")}, ${counted(set.categories.length, "class")}, ` +
      `${counted(set.objects.length, "object")} (${counted(crowdsOf(set), "crowd")}${
        difficult > 0 ? `, ${difficult} difficult` : ""
      }), ${set.problems.length} left out`,
  );
  const masks = detections.filter(({ mask }) => mask).length;
  const images = new Set(detections.map(({ image }) => image)).size;
  print(
    `results: ${counted(detections.length, "detection")} in ${images} of ${
      counted(set.images.length, "image")
    }, ${masks} with a mask`,
  );
}

function sayProblems(path: string, problems: readonly Problem[], remarks: readonly Problem[] = []): void {
  if (problems.length <= SHOWN) {
    for (const { what, reason } of problems) print(`left out of ${path}: ${what}: ${reason}`);
  } else {
    groupedProblems(asReasons(problems)).forEach((group) => print(`left out of ${path}: ${groupText(group)}`));
    print(`left out of ${path}: ${problems.length} in all; --out FILE writes each`);
  }
  groupedProblems(remarks).forEach((group) => print(`to be noted of ${path}: ${groupText(group)}`));
}

function evaluate(
  set: CocoSet,
  { detections, hasBoxes }: CocoResults,
  { kind, areas }: { readonly kind: "all" | Kind; readonly areas: "official" | "own" },
): Evaluations {
  const masks = detections.filter(({ mask }) => mask).length;
  const kinds: readonly Kind[] = kind !== "all" ? [kind] : masks > 0 ? ["box", "mask"] : ["box"];
  if (kind === "all" && masks === 0) print("masks: the results have none, so they are not scored");
  return Object.fromEntries(kinds.map((each) => {
    const own = areas === "own" ? each : hasBoxes ? "box" : "mask";
    return [each, evaluateCoco(set, detections, { kind: each, areas: own })];
  }));
}

/** Kinds and numbers, of all classes and of each if asked for. */
function tableOf({ categories }: CocoSet, evaluations: Evaluations, perClass: boolean): readonly string[] {
  const kinds = Object.entries(evaluations);
  const ofAll = kinds.map(([name, { metrics }]) => ({ name, metrics }));
  const ofEach = categories.flatMap(({ name }, k) =>
    kinds.map(([kind, { categoryMetrics }]) => ({ name: `${name}, ${kind}`, metrics: categoryMetrics[k]! }))
  );
  return scoreTable(perClass ? [...ofAll, ...ofEach] : ofAll, columnsOf("stdout"));
}

const named = (metrics: readonly number[]) => Object.fromEntries(COCO_METRICS.map((name, i) => [name, metrics[i]]));

/** What `--out` writes. */
function resultOf({ annotations, results }: Given, set: CocoSet, found: CocoResults, evaluations: Evaluations): object {
  const kinds = Object.entries(evaluations);
  const objects = Map.groupBy(set.objects, ({ category }) => category);
  return {
    ...{ annotations, results, images: set.images.length, objects: set.objects.length, crowds: crowdsOf(set) },
    ...{ difficult: difficultOf(set), detections: found.detections.length },
    ...Object.fromEntries(kinds.map(([kind, { metrics }]) => [kind, named(metrics)])),
    classes: set.categories.map(({ id, name }, k) => ({
      ...{ id, name, objects: objects.get(id)?.length ?? 0 },
      ...Object.fromEntries(kinds.map(([kind, { categoryMetrics }]) => [kind, named(categoryMetrics[k]!)])),
    })),
    leftOut: { annotations: set.problems, results: found.problems },
    noted: { annotations: set.remarks ?? [], results: found.remarks },
  };
}

/** What `--report` writes. */
function pageOf(given: Given, set: CocoSet, found: CocoResults, evaluations: Evaluations): string {
  const { annotations, results } = given;
  return pageHtml({
    title: "Detections",
    summary: [
      ["images", String(set.images.length)],
      ["objects", `${set.objects.length}, ${counted(crowdsOf(set), "crowd")}`],
      ["detections", String(found.detections.length)],
      ["left out", `${set.problems.length} of the annotations, ${found.problems.length} of the results`],
    ],
    curves: [precisionChart(evaluations)],
    sections: scoreSections(evaluations, set.categories),
    configuration: { annotations, results, ...given },
  });
}

if (import.meta.main) await runCommand(detectEvaluate);
