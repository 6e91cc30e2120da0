/** @file Ranks agree on what they do before they do it, and look from time to time whether they still have the same. */
import {
  type Collective,
  CollectiveError,
  type Device,
  type Tensor,
  type Tree,
  treeLeaves,
} from "../../../tensor/mod.ts";
import { namesOf } from "../../../nn/mod.ts";
import { QuietCollectiveError } from "../mpi/roll_call.ts";

/**
 * Texts of all ranks.
 *
 * @param collective The ranks.
 * @param own What this rank says.
 * @returns What each says, in their order.
 */
export function textsOfAll(collective: Collective, own: string): readonly string[] {
  if (collective.size === 1) return [own];
  const bytes = new TextEncoder().encode(own);
  const lengths = new Uint32Array(collective.size);
  collective.allGather(Uint32Array.of(bytes.length), lengths);
  const most = Math.ceil(Math.max(...lengths) / 4);
  const [padded, all] = [new Uint32Array(most), new Uint32Array(most * collective.size)];
  new Uint8Array(padded.buffer).set(bytes);
  collective.allGather(padded, all);
  return Array.from(
    lengths,
    (length, rank) => new TextDecoder().decode(new Uint8Array(all.buffer, 4 * most * rank, length)),
  );
}

/** Ends the run on every rank; the first says why. */
function refuse({ rank }: Collective, message: string): never {
  throw new (rank === 0 ? CollectiveError : QuietCollectiveError)(message);
}

/**
 * The text of rank 0.
 *
 * @param collective The ranks.
 * @param own What this rank would say.
 * @returns What rank 0 says.
 */
export function textOfFirst(collective: Collective, own: string): string {
  return textsOfAll(collective, own)[0]!;
}

/**
 * Ends the run unless all ranks are told the same.
 *
 * @param collective The ranks.
 * @param told What must be the same, by name.
 * @throws {CollectiveError} On every rank, naming the first that differs from rank 0, and in what.
 */
export function agree(collective: Collective, told: Readonly<Record<string, string>>): void {
  if (collective.size === 1) return;
  const all = textsOfAll(collective, JSON.stringify(told)).map((text) => JSON.parse(text) as typeof told);
  for (const [rank, theirs] of all.entries()) {
    const name = Object.keys({ ...all[0], ...theirs }).find((name) => theirs[name] !== all[0]![name]);
    if (name === undefined) continue;
    refuse(
      collective,
      `Cannot train together as all ranks must have the same ${name}: current ${name} of rank ${rank} is ${
        theirs[name]
      }, of ` +
        `rank 0 ${all[0]![name]}`,
    );
  }
}

/** A number of the bits of an array; the odds that others have the same are one in four thousand millions. */
function hashOf(values: ArrayBufferView): number {
  const words = new Uint32Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength >> 2);
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x01000193) ^ (hash >>> 15);
  return hash >>> 0;
}

/** Numbers of the bits of all leaves of a tree. */
async function hashesOf(tree: Tree, device: Device): Promise<Uint32Array<ArrayBuffer>> {
  const hashes = new Uint32Array(treeLeaves(tree).length);
  for (const [i, leaf] of (treeLeaves(tree) as readonly Tensor[]).entries()) {
    hashes[i] = hashOf(await leaf.data({ device }));
  }
  return hashes;
}

/**
 * Says which bits a tree has, for `agree`.
 *
 * @param tree Tensors.
 * @param device Where they lie.
 * @returns Text that is another if any bit is.
 */
export async function bitsOf(tree: Tree, device: Device): Promise<string> {
  return hashOf(await hashesOf(tree, device)).toString(16);
}

/**
 * Ends the run unless all ranks have the same parameters, to the bit.
 *
 * @param collective The ranks.
 * @param params What is compared.
 * @param device Where it lies.
 * @param step Steps done, for the message.
 * @throws {CollectiveError} On every rank, naming the first leaf that differs, and the rank.
 */
export async function compareParams(collective: Collective, params: Tree, device: Device, step: number): Promise<void> {
  if (collective.size === 1) return;
  const own = await hashesOf(params, device);
  const all = new Uint32Array(collective.size * own.length);
  collective.allGather(own, all);
  const at = all.findIndex((hash, i) => hash !== all[i % own.length]);
  if (at < 0) return;
  const name = namesOf(params)[at % own.length]!;
  refuse(
    collective,
    `Cannot go on after step ${step} as all ranks must have the same parameters: current ${name} of rank ` +
      `${Math.floor(at / own.length)} differs from that of rank 0; the last checkpoint is of before`,
  );
}
