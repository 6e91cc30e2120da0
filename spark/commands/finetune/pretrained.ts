/** @file What of a pre-trained network a fine-tuning run takes over. */
import type { Tree } from "../../../tensor/mod.ts";
import type { FileNetwork } from "../shared/image_input.ts";

/** A pre-trained network, and what its file says of the classes of its head. */
export interface Pretrained extends FileNetwork {
  /** Names in the order of the head; `null` if the file names none. */
  readonly classes: readonly string[] | null;
}

/** What becomes of a head. */
export interface HeadChoice {
  /** Its parameters; `null` for a fresh head. */
  readonly params: Tree | null;
  /** The same in words: `kept`, or why it is fresh. */
  readonly said: string;
}

/**
 * Decides whether the head of a pre-trained network is kept: if it tells the same classes apart, in the same order.
 *
 * @param network The network.
 * @param classes Names of the classes that are to be told apart.
 * @returns The head, or why there is a fresh one.
 */
export function headFor(
  { head, classes: known, account }: Omit<Pretrained, "converted">,
  classes: readonly string[],
): HeadChoice {
  const fresh = (why: string): HeadChoice => ({ params: null, said: `fresh, as ${why}` });
  if (head === null) return fresh("the file has none");
  if (account.headClasses !== classes.length) return fresh(`the data have ${classes.length} classes`);
  if (known === null) return fresh("the file does not name its classes");
  const other = classes.findIndex((name, i) => known[i] !== name);
  if (other >= 0) return fresh(`class ${other} is ${known[other]} there and ${classes[other]} in the data`);
  return { params: head, said: "kept" };
}
