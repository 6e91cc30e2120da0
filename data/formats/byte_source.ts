/** @file Bytes in order, of a file or of what a gzip file unpacks to, with memory bounded by what is asked for. */
import type { ReadableStream as WebStream } from "node:stream/web";
import { joinBytes } from "./bytes.ts";
import { hostModule } from "./host_module.ts";

/** Bytes that are read from the front. */
export interface ByteSource {
  /** The next bytes; fewer than `count` only where the end comes first. Makes nothing larger than what is there. */
  read(count: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Passes over bytes; false if the end comes first. */
  skip(count: number): Promise<boolean>;
  /** Ends reading. */
  close(): Promise<void>;
}

/** A source, and whether places in it are places in the file. */
export interface OpenedSource {
  /** The bytes. */
  readonly source: ByteSource;
  /** True for gzip: parts cannot be read again from the file alone. */
  readonly packed: boolean;
}

/** Bytes that are read: a file, a stretch of a file that is not unpacked, or memory. */
export interface BytePlace {
  /** What errors call it; the file that holds it, unless `bytes` are given. */
  readonly path: string;
  /** Memory; unpacked if it starts as gzip does. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  /** First byte and number of bytes of the stretch; the whole file if not given. */
  readonly stretch?: { readonly start: number; readonly size: number };
}

const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b;

/**
 * Opens a file, unpacking it if it starts as gzip does.
 *
 * @param place The file, or a part of one, or memory.
 * @returns Its bytes.
 * @throws {Error} If it is missing, is a folder or cannot be read, naming it. Damaged gzip data is an error of `read`.
 */
export async function openByteSource(place: string | BytePlace): Promise<OpenedSource> {
  const { path, bytes, stretch } = typeof place === "string" ? { path: place } as BytePlace : place;
  if (bytes) {
    const packed = isGzip(bytes);
    return { source: packed ? gzipSource(new Blob([bytes]).stream()) : memorySource(bytes), packed };
  }
  try {
    const file = await Deno.open(path);
    const { size, isFile } = await file.stat();
    if (!isFile) {
      file.close();
      throw new TypeError(`Cannot open ${path} as it must be a file: current kind is another`);
    }
    if (stretch) {
      file.seekSync(stretch.start, Deno.SeekMode.Start);
      const end = Math.min(size, stretch.start + stretch.size);
      return { source: fileSource(file, { at: stretch.start, end }), packed: false };
    }
    const head = new Uint8Array(2);
    const packed = file.readSync(head) === 2 && isGzip(head);
    file.seekSync(0, Deno.SeekMode.Start);
    return { source: packed ? gzipSource(file.readable) : fileSource(file, { at: 0, end: size }), packed };
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`Cannot read ${path} as it must be a readable file: current error is ${message}`, { cause });
  }
}

/** Headers are many and small: reading them synchronously is ten times as fast. */
function fileSource(file: Deno.FsFile, state: { at: number; readonly end: number }): ByteSource {
  const { end } = state;
  return {
    read: (count) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(count, end - state.at)));
      let filled = 0;
      while (filled < bytes.length) {
        const got = file.readSync(bytes.subarray(filled));
        if (got === null) break;
        filled += got;
      }
      state.at += filled;
      return Promise.resolve(bytes.subarray(0, filled));
    },
    skip: (count) => {
      state.at = Math.min(state.at + count, end + 1);
      file.seekSync(state.at, Deno.SeekMode.Start);
      return Promise.resolve(state.at <= end);
    },
    close: () => Promise.resolve(file.close()),
  };
}

function memorySource(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  const state = { at: 0 };
  return {
    read: (count) => {
      const part = bytes.subarray(state.at, state.at + count);
      state.at += part.length;
      return Promise.resolve(part);
    },
    skip: (count) => {
      state.at += count;
      return Promise.resolve(state.at <= bytes.length);
    },
    close: () => Promise.resolve(),
  };
}

/** What gzip packs, of one member or of several, as parallel tools write them; streams of the Web know one. */
function unpacked(packed: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncIterator<Uint8Array<ArrayBuffer>, undefined> {
  const { Readable, pipeline } = hostModule("stream");
  const gunzip = hostModule("zlib").createGunzip({ chunkSize: 2 ** 16 });
  // Damage is an error of the next part; without a function here it would end the process.
  pipeline(Readable.fromWeb(packed as WebStream), gunzip, () => {});
  return gunzip[Symbol.asyncIterator]();
}

function gzipSource(packed: ReadableStream<Uint8Array<ArrayBuffer>>): ByteSource {
  const parts = unpacked(packed);
  const state = { rest: new Uint8Array(0) };
  /** Hands parts of at most `count` bytes in all to `take`; returns how many there were. */
  const pull = async (count: number, take: (part: Uint8Array<ArrayBuffer>) => void): Promise<number> => {
    let taken = 0;
    while (taken < count) {
      if (state.rest.length === 0) {
        const { value, done } = await parts.next();
        if (done) break;
        state.rest = value;
      }
      const part = state.rest.subarray(0, count - taken);
      state.rest = state.rest.subarray(part.length);
      take(part);
      taken += part.length;
    }
    return taken;
  };
  return {
    read: async (count) => {
      const found: Uint8Array[] = [];
      await pull(count, (part) => found.push(part));
      return joinBytes(found);
    },
    skip: async (count) => await pull(count, () => {}) === count,
    close: async () => void await parts.return?.(),
  };
}
