/** @file What pre-training keeps besides log and checkpoint: pictures, loss curve, report, events. */
import { appendFile, imageGrid, writeFileAtomic } from "../../../data/mod.ts";
import type { TrainState } from "../../train_state.ts";
import { enlargementFor, type Painter } from "./pictures.ts";
import type { RunLogger } from "../run_logger.ts";
import { unreadTeller } from "../scores/evaluation.ts";
import type { HeldOutScore } from "../scores/held_out_loss.ts";
import { recordsIn } from "./evaluation_record.ts";
import { picturesOf } from "./pictures_kept.ts";
import { type HeldOut, lossCurve, reportHtml } from "./report.ts";
import { openRunEvents } from "./run_events.ts";
import type { RunFolder } from "../run_folder.ts";
import type { EpochRecord, LogSoFar } from "./run_log.ts";
import type { Keepsakes } from "./run_results.ts";

/** What is known of a run when its pictures are first drawn. */
export interface PictureOptions {
  /** Title of the report. */
  readonly title: string;
  /** What was logged before. */
  readonly before: LogSoFar;
  /** Steps of the run. */
  readonly total: number;
  /** What the report lists. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Draws pictures. */
  readonly paint: Painter;
  /** Computes the loss on images that are not trained on; absent if there are none. */
  readonly heldOut?: ((train: TrainState) => Promise<HeldOutScore>) | undefined;
  /** Tells of such a loss, in a line. */
  readonly tell: (line: string) => void;
  /** Told of such losses. */
  readonly emit: RunLogger;
}

/**
 * Prepares keeping pictures, the loss curve, the report and events in a run folder.
 *
 * @param folder Paths of the run.
 * @param run What is known of the run.
 * @returns Keeps them: pictures are drawn before the first step and with every checkpoint.
 */
export function pictureResults(folder: RunFolder, run: PictureOptions): Keepsakes<TrainState> {
  const { before, total, title, about } = run;
  const [records, unread] = [[...before.records], unreadTeller()];
  const heldOut: HeldOut[] = recordsIn<HeldOutRecord>(before.text, "heldOut").map(({ heldOut, val }) => ({
    step: heldOut,
    loss: val.loss,
  }));
  const done = records.at(-1)?.step ?? 0;
  const events = openRunEvents(folder.events, { total, done, leastLoss: leastOf(before.text), now: Date.now });
  const paint = async (train: TrainState, step: number) => {
    const rows = await run.paint(train);
    const png = imageGrid(rows, { enlarge: enlargementFor(rows[0]?.[0]?.height ?? 0) });
    await writeFileAtomic(folder.picture(step), png);
    events.picture(step, png);
  };
  return {
    begin: paint,
    log(added, epochs) {
      records.push(...added);
      events.steps(added, epochs);
    },
    async beforeSave(train, step) {
      const val = await run.heldOut?.(train);
      if (!val) return {};
      heldOut.push({ step, loss: val.loss });
      appendFile(folder.log, `${JSON.stringify({ heldOut: step, val } satisfies HeldOutRecord)}\n`);
      tellOf(run, { step, val, unread: unread(val, step === total) });
      events.scalars(step, { "pt_val/loss": val.loss });
      return {};
    },
    async afterSave(train, step) {
      await paint(train, step);
      await writeFileAtomic(folder.curve, lossCurve(records, heldOut));
      const pictures = await picturesOf(folder, "pictures");
      const report = { title, records, heldOut, total, configuration: about, pictures };
      await writeFileAtomic(folder.report, reportHtml(report));
    },
  };
}

function tellOf(
  { tell, emit }: PictureOptions,
  { step, val: { loss, images }, unread }: {
    readonly step: number;
    readonly val: HeldOutScore;
    readonly unread: string;
  },
): void {
  tell(`step ${step}: loss ${loss.toFixed(4)} on ${images} held-out images${unread}`);
  void emit({ kind: "evaluation", step, scores: { loss, images } });
}

/** A line of the log for each loss on images that are not trained on. */
interface HeldOutRecord {
  /** Steps done. */
  readonly heldOut: number;
  /** The score. */
  readonly val: HeldOutScore;
}

/** The smallest mean loss of an epoch that the log has. */
function leastOf(text: string): number {
  return recordsIn<EpochRecord>(text, "last_L").reduce((least, epoch) => Math.min(least, epoch.last_L), Infinity);
}
