/** @file Names of weights without what PyTorch's wrappers put into them. */
import type { StateDictFile } from "../../data/mod.ts";

/** Modules by which PyTorch wraps parts of a network: shards of FSDP, activation checkpointing, `torch.compile`. */
const WRAPPER = "_fsdp_wrapped_module|_checkpoint_wrapped_module|_orig_mod";

/** Those before a whole network, which are a prefix like any other. */
const BEFORE = new RegExp(`^(?:module\\.)?(?:(?:${WRAPPER})\\.)+`);
const ANYWHERE = new RegExp(`(?<=^|\\.)(${WRAPPER})\\.`, "g");

/** A file whose names have no wrappers within. */
export interface UnwrappedFile {
  /** The file. */
  readonly file: StateDictFile;
  /** Wrappers that were taken out of names. */
  readonly wrappers: readonly string[];
}

/**
 * Takes wrappers out of names, where there are some within and not only before all.
 *
 * @param file Of `readStateDict`.
 * @returns The file itself if there are none, or if two names would become one.
 */
export function unwrapped(file: StateDictFile): UnwrappedFile {
  const names = Object.keys(file.tensors);
  const words = names.flatMap((name) => [...name.replace(BEFORE, "").matchAll(ANYWHERE)].map(([, word]) => word!));
  const plain = names.map((name) => name.replaceAll(ANYWHERE, ""));
  if (words.length === 0 || new Set(plain).size < names.length) return { file, wrappers: [] };
  const tensors = Object.fromEntries(names.map((name, i) => [plain[i]!, file.tensors[name]!]));
  return { file: { ...file, tensors }, wrappers: [...new Set(words)] };
}
