/** @file Which classes are taken for which. */

/** Counts of pairs of classes. */
export interface Confusion {
  /** How many classes there are. */
  readonly classes: number;
  /** Images by true class (rows) and predicted one (columns), row-major. */
  readonly counts: Uint32Array;
}

/** How often a class was right. */
export interface ClassAccuracy {
  /** Name of the class. */
  readonly name: string;
  /** Images of it. */
  readonly images: number;
  /** Share of them that was taken for it; NaN if there are none. */
  readonly recall: number;
  /** Share of it among those that were taken for it; NaN if there are none. */
  readonly precision: number;
}

/** A pair of classes of which one was taken for the other. */
export interface Mistake {
  /** The true class. */
  readonly truth: string;
  /** What it was taken for. */
  readonly predicted: string;
  /** How often. */
  readonly images: number;
}

/** No image yet. */
export function emptyConfusion(classes: number): Confusion {
  return { classes, counts: new Uint32Array(classes * classes) };
}

/**
 * Accuracy by class.
 *
 * @param confusion Counts.
 * @param names Names of the classes.
 * @returns A row for each class, in their order.
 */
export function classAccuracies({ classes, counts }: Confusion, names: readonly string[]): readonly ClassAccuracy[] {
  const [truths, guesses] = [new Float64Array(classes), new Float64Array(classes)];
  counts.forEach((count, i) => {
    truths[Math.floor(i / classes)]! += count;
    guesses[i % classes]! += count;
  });
  return names.map((name, i) => {
    const right = counts[i * classes + i]!;
    return { name, images: truths[i]!, recall: right / truths[i]!, precision: right / guesses[i]! };
  });
}

/**
 * The mistakes that were made most often.
 *
 * @param confusion Counts.
 * @param names Names of the classes.
 * @param most How many pairs at most.
 * @returns Pairs, the most frequent first.
 */
export function mistakesOf(
  { classes, counts }: Confusion,
  names: readonly string[],
  most: number,
): readonly Mistake[] {
  const pairs: (readonly [row: number, column: number, count: number])[] = [];
  counts.forEach((count, i) => {
    const [row, column] = [Math.floor(i / classes), i % classes];
    if (count > 0 && row !== column) pairs.push([row, column, count]);
  });
  return pairs.toSorted((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]).slice(0, most)
    .map(([row, column, images]) => ({ truth: names[row]!, predicted: names[column]!, images }));
}

/**
 * Writes counts as a table for spreadsheets.
 *
 * @param confusion Counts.
 * @param names Names of the classes.
 * @returns CSV: a head of predicted classes, a row for each true one.
 */
export function confusionCsv({ classes, counts }: Confusion, names: readonly string[]): string {
  const rows = names.map((name, i) => [quoted(name), ...counts.subarray(i * classes, (i + 1) * classes)].join(","));
  return `${["true \\ predicted", ...names].map(quoted).join(",")}\n${rows.join("\n")}\n`;
}

/** A field of CSV (RFC 4180). */
export function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
