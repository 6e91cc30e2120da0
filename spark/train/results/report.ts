/** @file The report of pre-training. */
import type { StepRecord } from "../metrics.ts";
import { pictureSection, type ReportPicture } from "./pictures_kept.ts";
import { commonCurves, pageHtml, type RunReport, stepCurve, stepSummary } from "./page.ts";
import { rankCurves, rankSections } from "./rank_report.ts";

/** The loss on images that are not trained on. */
export interface HeldOut {
  /** Steps done. */
  readonly step: number;
  /** Mean loss on their masked patches. */
  readonly loss: number;
}

/** What a report shows. */
export interface Report extends RunReport {
  /** Losses on images that are not trained on. */
  readonly heldOut: readonly HeldOut[];
  /** Pictures, oldest first. */
  readonly pictures: readonly ReportPicture[];
}

/**
 * Draws the loss curve of a run.
 *
 * @param records Records of its steps.
 * @param heldOut Losses on images that are not trained on.
 * @returns An SVG file that stands on its own.
 */
export function lossCurve(records: readonly StepRecord[], heldOut: readonly HeldOut[]): string {
  const points = heldOut.map(({ step, loss }) => [step, loss] as const);
  return stepCurve(records, {
    ...{ title: "Loss on masked patches", y: "loss", valueOf: ({ loss }) => loss },
    more: points.length > 0 ? [{ name: "held-out images", points }] : [],
  });
}

/** What the columns of a picture are. */
const COLUMNS = ["input", "masked", "reconstruction"];

function reconstructions(pictures: readonly ReportPicture[]): string {
  const heads = `<div class="heads" style="grid-template-columns: repeat(${COLUMNS.length}, 1fr)">${
    COLUMNS.map((name) => `<span>${name}</span>`).join("")
  }</div>`;
  return pictureSection(pictures, {
    ...{ title: "Reconstructions", heads, alt: `reconstructions after {step} steps: ${COLUMNS.join(", ")}` },
    below: "Masked patches are given the mean and the deviation of the true ones, as in the paper's figures.",
  });
}

/**
 * Writes the report of a run: curves of loss and schedules, reconstructions over time, configuration, speed.
 *
 * @param report What it shows.
 * @returns The HTML file.
 */
export function reportHtml({ title, records, heldOut, total, configuration, pictures }: Report): string {
  const last = heldOut.at(-1);
  const held = last ? [[`loss on held-out images after ${last.step} steps`, last.loss.toFixed(4)] as const] : [];
  return pageHtml({
    ...{ title, configuration },
    summary: [...stepSummary(records, total), ...held],
    curves: records.length < 2 ? [] : [lossCurve(records, heldOut), ...commonCurves(records), ...rankCurves(records)],
    sections: [reconstructions(pictures), ...rankSections(records)],
  });
}
