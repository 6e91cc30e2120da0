/** @file libjpeg-turbo in WebAssembly, started anew after every file that it fails on. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What the module exports, of TurboJPEG's interface. */
interface Codec {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): number;
  free(at: number): void;
  tjInitDecompress(): number;
  tjDestroy(handle: number): void;
  tjDecompressHeader3(...args: readonly number[]): number;
  tjDecompress2(...args: readonly number[]): number;
}

/** Pixel formats and colour spaces of TurboJPEG. */
const [RGBA, CMYK] = [7, 11];
const [SPACE_CMYK, SPACE_YCCK] = [3, 4];

const fails = (name: string) => (): never => {
  throw new Error(`Cannot decode as a decoder must not call ${name}: current module does`);
};

/** What the C code asks of its surroundings: nothing that a decoder needs. */
const SURROUNDINGS: WebAssembly.Imports = {
  env: { setjmp: () => 0, longjmp: fails("longjmp") },
  // deno-lint-ignore camelcase -- the name of the interface
  wasi_snapshot_preview1: {
    environ_sizes_get: () => 0,
    environ_get: fails("environ_get"),
    proc_exit: fails("proc_exit"),
    fd_close: fails("fd_close"),
    fd_seek: fails("fd_seek"),
    fd_write: fails("fd_write"),
  },
};

/** The compiled module, and the instance that has not failed yet. */
const codec: { module?: WebAssembly.Module; instance?: Codec | undefined } = {};

function openCodec(): Codec {
  codec.module ??= new WebAssembly.Module(
    readFileSync(fileURLToPath(new URL("jpeg-turbo.wasm", import.meta.resolve("@cwasm/jpeg-turbo/package.json")))),
  );
  codec.instance ??= new WebAssembly.Instance(codec.module, SURROUNDINGS).exports as unknown as Codec;
  return codec.instance;
}

/** A decoded JPEG. */
export interface JpegPixels {
  readonly width: number;
  readonly height: number;
  /** RGBA; or cyan, magenta, yellow and black as the file has them. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether the values are inks. */
  readonly isCmyk: boolean;
}

/**
 * Decodes a JPEG file. A damaged one makes the codec's C code leave by an exception that unwinds neither its stack nor
 * its memory: after some hundred of them every good file would fail too. So it is started anew after each.
 *
 * @param bytes The whole file.
 * @returns RGBA, or inks where the file has four components.
 * @throws {Error} If the file is damaged.
 */
export function decodeJpeg(bytes: Uint8Array): JpegPixels {
  try {
    return decodeWith(openCodec(), bytes);
  } catch (error) {
    codec.instance = undefined;
    throw error;
  }
}

function decodeWith(jpeg: Codec, bytes: Uint8Array): JpegPixels {
  const input = jpeg.malloc(bytes.length);
  new Uint8Array(jpeg.memory.buffer, input, bytes.length).set(bytes);
  const handle = jpeg.tjInitDecompress();
  const about = jpeg.malloc(16);
  const fields = [about, about + 4, about + 8, about + 12];
  if (jpeg.tjDecompressHeader3(handle, input, bytes.length, ...fields) !== 0) {
    throw new Error("Cannot decode as its header must be whole: current one is damaged");
  }
  const [width, height, , space] = new Uint32Array(jpeg.memory.buffer, about, 4) as unknown as [
    number,
    number,
    number,
    number,
  ];
  const isCmyk = space === SPACE_CMYK || space === SPACE_YCCK;
  const size = width * height * 4;
  const output = jpeg.malloc(size);
  const format = isCmyk ? CMYK : RGBA;
  if (jpeg.tjDecompress2(handle, input, bytes.length, output, width, width * 4, height, format, 0) !== 0) {
    throw new Error("Cannot decode as its data must be whole: current ones are damaged");
  }
  const data = new Uint8Array(jpeg.memory.buffer, output, size).slice();
  for (const place of [input, about, output]) jpeg.free(place);
  jpeg.tjDestroy(handle);
  return { width, height, data, isCmyk };
}
