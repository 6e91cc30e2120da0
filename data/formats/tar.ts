import { requireOptions } from "../../tensor/errors.ts";
import { type BytePlace, type ByteSource, openByteSource } from "./byte_source.ts";
import { readPaxRecords, readTarHeader, TAR_BLOCK, type TarHeader, textOf } from "./tar_header.ts";

/** A file in an archive. */
export interface TarEntry {
  /** Relative path with `/` between names, without `.` and `..`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Where its first byte stands in the archive, unpacked if it is gzip. */
  readonly offset: number;
  /** Reads its content; to be called before the next entry is asked for, or not at all. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bounds of `tarEntries`. */
export interface TarOptions {
  /** Largest content that `read` makes, in bytes; 256 MiB if not given. */
  readonly maxEntryBytes?: number;
  /** Largest archive, in bytes, unpacked if it is gzip; no bound if not given. */
  readonly maxBytes?: number;
  /** Most entries of all kinds; 2^24 if not given. */
  readonly maxEntries?: number;
  /** Told of each link: its path and the path in the archive that it leads to, `null` where that is outside. */
  readonly onLink?: (path: string, target: string | null) => void;
  /** Told of each folder, by its path without `/` at the end. */
  readonly onFolder?: (path: string) => void;
}

/** Names and attributes of one entry are small; more is an attack. */
const MAX_ATTRIBUTE_BYTES = 2 ** 20;

/** GNU's kinds whose content is not what a reader would take it for. */
const UNREADABLE = new Map([["S", "sparse file"], ["M", "file that began in another archive"]]);

/**
 * Thrown when an archive is damaged, or asks for more than a reader should give.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { TarError } from "@tessera/tessera/data";
 *
 * equal(new TarError("a.tar", "it must be whole").message, "Cannot read a.tar as a tar archive as it must be whole");
 * ```
 */
export class TarError extends Error {
  /**
   * Builds `Cannot read <file> as a tar archive as <reason>`.
   *
   * @param file The archive.
   * @param reason Requirement and current value.
   * @param options As of `Error`.
   */
  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`Cannot read ${file} as a tar archive as ${reason}`, options);
    this.name = "TarError";
  }
}

/**
 * Walks through the files of a tar archive (ustar, pax, GNU, the old form), plain or gzip, from the front, in memory
 * bounded by one entry. Folders, links and devices are passed over: nothing is ever written or followed; `onLink` and `onFolder` hear of them.
 *
 * @param place The archive: a file, or a stretch of one, or memory.
 * @param options Bounds.
 * @returns The files in order. The archive is closed when the walk ends, however it ends.
 * @throws {Error} If the file cannot be read.
 * @throws {TarError} If the archive is truncated or damaged, a path leaves it (`..`, absolute, control characters), an
 * entry is larger than the archive, or a bound is passed: naming the archive and the entry.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { tarEntries } from "@tessera/tessera/data";
 *
 * await rejects(tarEntries("missing.tar").next(), /Cannot read missing.tar as it must be a readable file/);
 * ```
 */
export async function* tarEntries(
  place: string | BytePlace,
  options: TarOptions = {},
): AsyncGenerator<TarEntry, void, void> {
  requireOptions("tarEntries", options, {
    maxEntryBytes: true,
    maxBytes: true,
    maxEntries: true,
    onLink: true,
    onFolder: true,
  });
  const path = typeof place === "string" ? place : place.path;
  const { source } = await openByteSource(place);
  const walk = { file: path, source: guarded(path, source), at: 0, count: 0, options };
  try {
    for (;;) {
      const header = await nextFile(walk);
      if (header === "end") return;
      const state = { read: false };
      yield { ...header, offset: walk.at, read: () => readContent(walk, header, state) };
      if (!state.read) await pass(walk, padded(header.size), header.path);
      walk.at += padded(header.size);
    }
  } finally {
    await source.close();
  }
}

interface Walk {
  readonly file: string;
  readonly source: ByteSource;
  readonly options: TarOptions;
  /** Bytes that were read or passed over. */
  at: number;
  /** Headers that were read. */
  count: number;
}

const padded = (size: number): number => Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;

/** Damaged gzip data shows when it is read. */
function guarded(file: string, source: ByteSource): ByteSource {
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (cause) {
      const { message } = cause as Error;
      throw new TarError(file, `its gzip data must be whole and valid: current error is ${message}`, { cause });
    }
  };
  return { ...source, read: (count) => guard(source.read(count)), skip: (count) => guard(source.skip(count)) };
}

/** Reads headers up to that of the next file. */
async function nextFile(walk: Walk): Promise<{ readonly path: string; readonly size: number } | "end"> {
  const given: { path?: string | undefined; size?: number; link?: string | undefined } = {};
  for (;;) {
    const header = await nextHeader(walk);
    if (header === "end") return "end";
    if ("xLK".includes(header.type)) {
      Object.assign(given, await attributesOf(walk, header));
      continue;
    }
    const size = given.size ?? header.size;
    // A folder is never made: its path may be that of the archive itself, `./`.
    const isChecked = !"g5".includes(header.type);
    const path = isChecked ? safePath(walk.file, given.path ?? header.path) : header.path;
    if (header.type === "0" || header.type === "7") return { path, size: bounded(walk, size) };
    if (UNREADABLE.has(header.type)) {
      throw new TarError(walk.file, `entries must be whole files: current ${path} is a ${UNREADABLE.get(header.type)}`);
    }
    if (header.type === "5") tellFolder(walk, given.path ?? header.path);
    if ("12".includes(header.type)) {
      walk.options.onLink?.(path, linkTarget(path, given.link ?? header.link, header.type));
    }
    // Links and devices may tell the size of what they stand for: there is no content.
    if (!"123456".includes(header.type)) await pass(walk, padded(bounded(walk, size)), path, true);
    if (header.type === "g") continue; // what was given is for an entry after these
    delete given.path;
    delete given.size;
    delete given.link;
  }
}

/** What is no relative path is none, such as the archive itself, `./`: nothing is made of folders. */
function tellFolder({ options: { onFolder } }: Walk, path: string): void {
  const parts = path.split("/").filter((part) => part !== "." && part !== "");
  if (parts.length > 0 && !parts.includes("..")) onFolder?.(parts.join("/"));
}

async function nextHeader(walk: Walk): Promise<TarHeader | "end"> {
  const { file, source, options: { maxEntries = 2 ** 24, maxBytes = Infinity } } = walk;
  const block = await source.read(TAR_BLOCK);
  if (block.length < TAR_BLOCK) {
    throw new TarError(
      file,
      `it must end with a block of zeros: current archive ends after ${
        walk.at + block.length
      } bytes, it is truncated ` +
        "or of another format",
    );
  }
  const header = readTarHeader(block);
  if (typeof header === "object" && "wrong" in header) {
    throw new TarError(file, `${header.wrong} at byte ${walk.at}, it is damaged or of another format`);
  }
  walk.at += TAR_BLOCK;
  if (++walk.count > maxEntries) {
    throw new TarError(file, `it must have at most ${maxEntries} entries: current number is more`);
  }
  if (walk.at > maxBytes) tooLarge(walk, walk.at);
  return header;
}

function bounded(walk: Walk, size: number): number {
  if (walk.at + size > (walk.options.maxBytes ?? Infinity)) tooLarge(walk, walk.at + size);
  return size;
}

function tooLarge({ file, options: { maxBytes } }: Walk, bytes: number): never {
  throw new TarError(file, `it must have at most ${maxBytes} bytes unpacked: current number is at least ${bytes}`);
}

/** What a pax header or a long name of GNU says about the next entry. */
async function attributesOf(walk: Walk, header: TarHeader): Promise<{ path?: string; size?: number; link?: string }> {
  const { size, type } = header;
  if (size > MAX_ATTRIBUTE_BYTES) {
    throw new TarError(walk.file, `names and attributes must have at most 1 MiB: current ones have ${size} bytes`);
  }
  const bytes = await readContent(walk, header, { read: false });
  walk.at += padded(size);
  if (type === "L") return { path: textOf(bytes) };
  if (type === "K") return { link: textOf(bytes) };
  const records = readPaxRecords(bytes);
  const digits = records?.get("size");
  if (!records || (digits !== undefined && !/^\d{1,15}$/.test(digits))) {
    throw new TarError(walk.file, `pax headers must be records of length, key and value: current one is malformed`);
  }
  const [path, link] = [records.get("path"), records.get("linkpath")];
  return {
    ...(path === undefined ? {} : { path }),
    ...(link === undefined ? {} : { link }),
    ...(digits === undefined ? {} : { size: Number(digits) }),
  };
}

async function readContent(
  { file, source, options: { maxEntryBytes = 2 ** 28 } }: Walk,
  { path, size }: { readonly path: string; readonly size: number },
  state: { read: boolean },
): Promise<Uint8Array<ArrayBuffer>> {
  if (size > maxEntryBytes) {
    throw new TarError(file, `entries must have at most ${maxEntryBytes} bytes: current ${path} tells ${size}`);
  }
  state.read = true;
  const bytes = await source.read(padded(size));
  if (bytes.length < padded(size)) throw truncated(file, path, size);
  return bytes.subarray(0, size);
}

async function pass(walk: Walk, bytes: number, path: string, counts = false): Promise<void> {
  if (!await walk.source.skip(bytes)) throw truncated(walk.file, path, bytes);
  if (counts) walk.at += bytes;
}

function truncated(file: string, path: string, size: number): TarError {
  return new TarError(
    file,
    `entries must be whole: current ${path} tells ${size} bytes, more than the archive has left`,
  );
}

/** The path in the archive that a link leads to: of a hard link from the top, of a symbolic one from its folder. */
function linkTarget(path: string, link: string, type: string): string | null {
  const from = type === "1" ? [] : path.split("/").slice(0, -1);
  const names = [...from];
  for (const name of link.split("/")) {
    if (name === "..") {
      if (names.pop() === undefined) return null;
    } else if (name !== "." && name !== "") names.push(name);
  }
  return link.startsWith("/") || names.length === 0 ? null : names.join("/");
}

/** Refuses paths that lead out of the archive, and those that would garble a message. */
function safePath(file: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "." && part !== "");
  // deno-lint-ignore no-control-regex -- they are what is looked for
  const odd = /[\x00-\x1f\x7f]/.test(path);
  if (!path.startsWith("/") && !parts.includes("..") && parts.length > 0 && !odd) return parts.join("/");
  throw new TarError(
    file,
    `paths must be relative, without .. and control characters: current path is ${JSON.stringify(path.slice(0, 200))}`,
  );
}
