/** @file Bytes in any order, of a file or of memory: what the directory of an archive needs. */

/** Bytes that are read at any place. */
export interface ByteRange {
  /** What errors call it. */
  readonly name: string;
  /** How many there are. */
  readonly size: number;
  /** Reads some bytes; fewer where the end comes first. Memory gives a view of itself. */
  read(at: number, count: number): Uint8Array;
  /** Ends reading. */
  close(): void;
}

/**
 * Reads memory.
 *
 * @param bytes All bytes.
 * @param name What errors call them.
 * @returns The range.
 */
export function memoryRange(bytes: Uint8Array, name: string): ByteRange {
  return {
    ...{ name, size: bytes.length, close: () => {} },
    read: (at, count) => bytes.subarray(Math.min(at, bytes.length), at + count),
  };
}

/**
 * Opens a file.
 *
 * @param path The file.
 * @returns The range; to be closed.
 * @throws {Error} If it cannot be opened, naming it.
 */
export function openRange(path: string): ByteRange {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`Cannot read ${path} as it must be a readable file: current error is ${message}`, { cause });
  }
  return fileRange(file, path);
}

/**
 * Reads an open file, whose position is then anywhere.
 *
 * @param file The file.
 * @param path What errors call it.
 * @returns The range; closing it closes the file.
 */
export function fileRange(file: Deno.FsFile, path: string): ByteRange {
  const { size } = file.statSync();
  return {
    ...{ name: path, size, close: () => file.close() },
    read: (at, count) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(count, size - at)));
      file.seekSync(at, Deno.SeekMode.Start);
      let filled = 0;
      while (filled < bytes.length) {
        const got = file.readSync(bytes.subarray(filled));
        if (got === null) break;
        filled += got;
      }
      return bytes.subarray(0, filled);
    },
  };
}
