/** @file Whether bytes are an archive that is read; an error names what else they are. */
import { fileKindOf, KIND_BYTES } from "../formats/file_kind.ts";
import { hostModule } from "../formats/host_module.ts";
import { describeWrongKind } from "./wrong_kind.ts";

/**
 * Tells the kind of an archive by its content.
 *
 * @param head Its first 4,096 bytes.
 * @param name What errors call it.
 * @returns `"tar"` also for what gzip packs, unless its first bytes are those of something else.
 * @throws {Error} If it is no archive that is read, naming its true kind.
 */
export function archiveKind(head: Uint8Array, name: string): "zip" | "tar" {
  const id = fileKindOf(head)?.id;
  if (id === "zip" || id === "npz" || id === "pth") return "zip";
  if (id !== "gzip") return isTar(head) ? "tar" : refuse(name, describeWrongKind(head, name));
  const inner = unpackedHead(head);
  if (inner === null || inner.length === 0 || isTar(inner)) return "tar"; // damage is told where it is met
  const kind = fileKindOf(inner)?.name ?? "something of a kind that is not known";
  return refuse(name, `current ${name} is packed with gzip and holds ${kind}, no tar archive`);
}

/** By its mark; an old tar has none and is told by its checksum, which ends with NUL and space. */
function isTar(head: Uint8Array): boolean {
  const id = fileKindOf(head)?.id;
  return id === "tar" || id === "torch-tar" ||
    head[156] !== undefined && /^ *[0-7]+[\0 ]*$/.test(new TextDecoder("latin1").decode(head.subarray(148, 156)));
}

/** The first bytes of what gzip packs; null where they are damaged. */
function unpackedHead(head: Uint8Array): Uint8Array | null {
  const { gunzipSync, constants } = hostModule("zlib");
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, KIND_BYTES);
  } catch {
    return null;
  }
}

function refuse(name: string, current: string): never {
  throw new Error(`Cannot read ${name} as images as it must be a tar, tar.gz or zip archive: ${current}`);
}
