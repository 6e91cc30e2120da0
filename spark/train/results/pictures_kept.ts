/** @file The pictures that a run has kept so far. */
import { Buffer } from "node:buffer";
import type { RunFolder } from "../run_folder.ts";

/** A picture of a run after a number of steps. */
export interface ReportPicture {
  /** Steps done. */
  readonly step: number;
  /** PNG file. */
  readonly png: Uint8Array;
}

/** At most so many pictures are in a report: it should open at once. */
const SHOWN_PICTURES = 10;

/** The first and the last pictures of a run, and some between, evenly spread. */
export async function picturesOf(
  folder: RunFolder,
  kind: "pictures" | "detections",
): Promise<readonly ReportPicture[]> {
  const pathOf = kind === "pictures" ? folder.picture : folder.detection;
  const steps = [...Deno.readDirSync(folder[kind])]
    .map(({ name }) => Number(/^step_(\d+)\.png$/.exec(name)?.[1] ?? NaN))
    .filter(Number.isInteger).sort((a, b) => a - b);
  const count = Math.min(SHOWN_PICTURES, steps.length);
  const chosen = Array.from(
    { length: count },
    (_, i) => steps[Math.round(i * (steps.length - 1) / Math.max(1, count - 1))]!,
  );
  return await Promise.all(
    chosen.map(async (step) => ({ step, png: await Deno.readFile(pathOf(step)) })),
  );
}

/** What a report says of its pictures. */
export interface PictureTexts {
  /** Above them. */
  readonly title: string;
  /** What they show, of those who cannot see them. */
  readonly alt: string;
  /** Above the picture itself, HTML; may be empty. */
  readonly heads?: string;
  /** Below them. */
  readonly below: string;
}

/**
 * Shows pictures over time, as a part of a page: a slider chooses one.
 *
 * @param pictures Pictures, oldest first.
 * @param texts What is said of them.
 * @returns HTML; empty if there are none.
 */
export function pictureSection(
  pictures: readonly ReportPicture[],
  { title, alt, heads = "", below }: PictureTexts,
): string {
  if (pictures.length === 0) return "";
  const figures = pictures.map(({ step, png }) =>
    `<figure class="picture" style="width: fit-content"><figcaption>after ${step} steps</figcaption>${heads}` +
    `<img alt="${alt.replace("{step}", String(step))}" src="data:image/png;base64,${
      Buffer.from(png).toString("base64")
    }"></figure>`
  );
  const last = pictures.length - 1;
  return `<h2>${title}</h2>
<p hidden><label>time <input id="time" type="range" min="0" max="${last}" value="${last}" step="1"></label></p>
${figures.join("\n")}
<p>${below}</p>`;
}
