/** @file The default training in both modes and with one and two threads: the same losses, the same checkpoint. */
import { join } from "node:path";
import { differences, done, resultOf, train } from "../crash/training.ts";

/** What is run. The first is what the others must come to. */
const WAYS: readonly (readonly [string, ...string[]])[] = [
  ["plain, 1 thread", "--threads", "1"],
  ["plain, 2 threads", "--threads", "2"],
  ["fast, 1 thread", "--threads", "1", "--fast"],
  ["fast, 2 threads", "--threads", "2", "--fast"],
];

/**
 * Runs the training in each way.
 *
 * @param steps Steps of each.
 * @param write Tells of each, in a line.
 * @returns How many differ from the first.
 */
export async function compareLosses(steps: number, write: (line: string) => void): Promise<number> {
  const root = await Deno.makeTempDir({ prefix: "fast_losses_" });
  try {
    let failed = 0;
    for (const [i, [name, ...options]] of WAYS.entries()) {
      const folder = join(root, `${i}`);
      done(await train("pretrain", ["--device", "cpu", "--steps", `${steps}`, "--out", folder, ...options], folder));
      const { losses, bits } = await resultOf(folder);
      const other = i === 0 ? [] : await differences(folder, await resultOf(join(root, "0")));
      if (other.length > 0) failed++;
      const verdict = i === 0 ? `last loss ${losses.split(",").at(-1)}` : other.join(", ") || "the same bits";
      write(
        `${other.length === 0 ? "ok    " : "FAILED"}  ${name}: ${
          losses.split(",").length
        } losses, ${bits.length} bytes, ${verdict}`,
      );
    }
    return failed;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
