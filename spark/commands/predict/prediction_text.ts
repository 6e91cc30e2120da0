/** @file Predictions as CSV or JSON. */
import { quoted } from "../../train/scores/confusion.ts";

/** What an image is taken for, or why that is not known. */
export interface Predicted {
  /** The image. */
  readonly file: string;
  /** Places of the most probable classes, the first first. */
  readonly best: readonly { readonly place: number; readonly probability: number }[];
  /** Scores of all classes. */
  readonly logits?: Float32Array;
  /** Why it cannot be read. */
  readonly error?: string;
}

/**
 * Writes predictions.
 *
 * @param predicted What each image is taken for.
 * @param names Names of the classes.
 * @param options CSV or JSON, how many classes of an image, and whether all scores come along.
 * @returns Text: of CSV a row for each image and each of its classes, the most probable first.
 */
export function predictionText(
  predicted: readonly Predicted[],
  names: readonly string[],
  { kind, logits }: { readonly kind: "csv" | "json"; readonly top: number; readonly logits: boolean },
): string {
  if (kind === "json") {
    return `${JSON.stringify(predicted.map((row) => recordOf(row, names, logits)), null, 2)}\n`;
  }
  const head = ["file", "rank", "class", "index", "probability", ...logits ? names.map((name) => `logit ${name}`) : []];
  const lines = predicted.flatMap(({ file, best, error, logits: scores }) =>
    error !== undefined
      ? [[quoted(file), "", quoted(`cannot be read: ${error}`), "", ""].join(",")]
      : best.map(({ place, probability }, i) =>
        [
          ...[quoted(file), i + 1, quoted(names[place]!), place, probability.toPrecision(8)],
          ...logits ? [...scores!] : [],
        ].join(",")
      )
  );
  return `${head.map(quoted).join(",")}\n${lines.join("\n")}\n`;
}

function recordOf({ file, best, error, logits }: Predicted, names: readonly string[], all: boolean) {
  if (error !== undefined) return { file, error };
  const predictions = best.map(({ place, probability }) => ({ class: names[place]!, index: place, probability }));
  return { file, predictions, ...all ? { logits: [...logits!] } : {} };
}
