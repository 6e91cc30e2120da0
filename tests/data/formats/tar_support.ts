/** @file A writer of tar archives, right or wrong in one field. */

/** An entry to write. */
export interface TarPart {
  readonly path: string;
  readonly bytes?: Uint8Array;
  /** Kind; `0` if not given. */
  readonly type?: string;
  /** Size to claim; that of the bytes if not given. */
  readonly size?: number | string;
  /** What a link leads to. */
  readonly link?: string;
}

const put = (block: Uint8Array, at: number, text: string) => block.set(new TextEncoder().encode(text), at);

/** A header with its checksum. */
export function tarHeader(
  { path, bytes = new Uint8Array(0), type = "0", size = bytes.length, link = "" }: TarPart,
): Uint8Array {
  const block = new Uint8Array(512);
  put(block, 0, path);
  put(block, 100, "0000644\0");
  put(block, 124, typeof size === "string" ? size : size.toString(8).padStart(11, "0"));
  put(block, 148, "        ");
  put(block, 156, type);
  put(block, 157, link);
  put(block, 257, "ustar\x0000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(block, 148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** An archive. */
export function tarOf(parts: readonly TarPart[]): Uint8Array<ArrayBuffer> {
  const pieces = parts.flatMap((part) => {
    const { bytes = new Uint8Array(0) } = part;
    return [tarHeader(part), bytes, new Uint8Array((512 - bytes.length % 512) % 512)];
  });
  return joined([...pieces, new Uint8Array(1024)]);
}

/** One after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/** The same in gzip. */
export async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
