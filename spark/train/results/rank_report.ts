/** @file What a report shows of ranks that shared the steps. */
import { lineChart } from "../../../data/images/line_chart.ts";
import type { StepRecord } from "../metrics.ts";
import type { RunHead } from "./run_log.ts";
import { thinned } from "./page.ts";

/** Lines of more ranks cannot be told apart. */
const DRAWN = 8;

/** At most so many points of each. */
const POINTS = 500;

/**
 * How a run was launched, for its configuration.
 *
 * @param head What runs.
 * @returns Command line, and who shares the steps if there are several.
 */
export function launchOf({ cmd, ranks, joined_by: name, hosts = [] }: RunHead): Readonly<Record<string, string>> {
  return { cmd, ...ranks !== undefined && { ranks: `${ranks} of ${name}, on ${hosts.join(", ")}` } };
}

/** Records of steps that as many ranks shared as the last one. */
function sharedRecords(records: readonly StepRecord[]): readonly Required<StepRecord>[] {
  const ranks = records.at(-1)?.ranks;
  const isShared = (record: StepRecord): record is Required<StepRecord> =>
    record.ranks === ranks && record.waited?.length === ranks && record.rankSpeeds?.length === ranks;
  return ranks === undefined ? [] : records.filter(isShared);
}

/**
 * Draws how fast each rank was.
 *
 * @param records Records of all steps so far.
 * @returns An SVG, of two to eight ranks; else none.
 */
export function rankCurves(records: readonly StepRecord[]): readonly string[] {
  const shared = sharedRecords(records);
  const ranks = shared.at(-1)?.ranks ?? 0;
  if (ranks === 0 || ranks > DRAWN || shared.length < 2) return [];
  const few = thinned(shared, POINTS);
  return [lineChart({
    ...{ title: "Speed of each rank while it did not wait", x: "step", y: "images per second" },
    series: Array.from({ length: ranks }, (_, rank) => ({
      name: `rank ${rank}`,
      points: few.map(({ step, rankSpeeds }) => [step, rankSpeeds[rank]!] as const),
    })),
  })];
}

/**
 * Lists the ranks: how fast each was, and for how long it waited for the others.
 *
 * @param records Records of all steps so far; those count that as many ranks shared as the last one.
 * @returns HTML; nothing of a run of one process.
 */
export function rankSections(records: readonly StepRecord[]): readonly string[] {
  const shared = sharedRecords(records);
  if (shared.length === 0) return [];
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const rows = Array.from({ length: shared[0]!.ranks }, (_, rank) => {
    // The mean of times, not of speeds: a step that takes twice as long counts twice.
    const speed = shared.length / sum(shared.map(({ rankSpeeds }) => 1 / rankSpeeds[rank]!));
    const waited = sum(shared.map((record) => record.waited[rank]!));
    const cells = [speed.toFixed(2), waited.toFixed(1), (waited / shared.length).toFixed(3)];
    return `<tr><th>${rank}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  const head = ["rank", "images per second", "seconds waited", "in each step"];
  return [
    `<h2>Ranks</h2><table class="numbers"><thead><tr>${head.map((name) => `<th>${name}</th>`).join("")}</tr></thead>` +
    `<tbody>${rows.join("\n")}</tbody></table><p>Images per second of each rank in the time in which it did not wait ` +
    `for the others; of the ${shared.length} steps that ${shared[0]!.ranks} ranks shared.</p>`,
  ];
}
