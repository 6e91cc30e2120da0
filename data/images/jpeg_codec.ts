/** @file libjpeg-turbo in WebAssembly, started anew after every file that it fails on. */
import { createRequire } from "node:module";
import jpegTurbo from "@cwasm/jpeg-turbo";

/** The module as the loader keeps it. */
interface Codec {
  readonly decode: (bytes: Uint8Array) => { readonly width: number; readonly height: number };
}

/** Any file will do to load by a full path. */
const load = createRequire("file:///codec.js");

/** Where the loader keeps the module; nothing outside Deno. */
const place = (): string | undefined =>
  Object.keys(load.cache).find((path) => /jpeg-turbo[\\/][^@]*index\.js$/.test(path));

const PATH = place();

/**
 * Decodes a JPEG file. A damaged one makes the codec's C code leave by an exception that unwinds neither its stack nor
 * its memory: after some hundred of them every good file would fail too. So it is loaded anew after each, which takes a
 * few milliseconds.
 *
 * @param bytes The whole file.
 * @returns RGBA.
 * @throws {Error} If the file is damaged.
 */
export function decodeJpeg(bytes: Uint8Array<ArrayBuffer>): { readonly width: number; readonly height: number } {
  const codec: Codec = PATH === undefined ? jpegTurbo : load(PATH);
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (PATH !== undefined) delete load.cache[PATH];
    throw error;
  }
}
