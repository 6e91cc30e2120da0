/** @file libjpeg-turbo in WebAssembly, started anew after every file that it fails on. */
import { hostModule } from "../formats/host_module.ts";

/** What the module exports, of TurboJPEG's interface. */
interface Codec {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): number;
  free(at: number): void;
  tjInitDecompress(): number;
  tjDestroy(handle: number): void;
  tjDecompress2(...args: readonly number[]): number;
}

/** Pixel formats of TurboJPEG. */
const [RGBA, CMYK] = [7, 11];

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

async function codecModule(): Promise<WebAssembly.Module> {
  if (codec.module) return codec.module;
  await import("@cwasm/jpeg-turbo/package.json", { with: { type: "json" } }); // brings the package, beside which its file lies
  const place = new URL("jpeg-turbo.wasm", import.meta.resolve("@cwasm/jpeg-turbo/package.json"));
  const bytes = hostModule("fs").readFileSync(place);
  return codec.module ??= new WebAssembly.Module(bytes);
}

function openCodec(module: WebAssembly.Module): Codec {
  return codec.instance ??= new WebAssembly.Instance(module, SURROUNDINGS).exports as unknown as Codec;
}

/** What the head of the file says. */
export interface JpegHead {
  readonly width: number;
  readonly height: number;
  /** Whether the file has four components: cyan, magenta, yellow and black. */
  readonly isCmyk: boolean;
}

/**
 * Decodes a JPEG file. A damaged one makes the codec's C code leave by an exception that unwinds neither its stack nor
 * its memory: after some hundred of them every good file would fail too. So it is started anew after each.
 *
 * @param bytes The whole file.
 * @param head What its head says.
 * @returns RGBA, or inks as the file has them.
 * @throws {Error} If the file is damaged.
 */
export async function decodeJpeg(bytes: Uint8Array, head: JpegHead): Promise<Uint8Array<ArrayBuffer>> {
  const module = await codecModule();
  try {
    return decodeWith(openCodec(module), bytes, head);
  } catch (error) {
    codec.instance = undefined;
    throw error;
  }
}

function decodeWith(jpeg: Codec, bytes: Uint8Array, { width, height, isCmyk }: JpegHead): Uint8Array<ArrayBuffer> {
  const size = width * height * 4;
  const [input, output] = [jpeg.malloc(bytes.length), jpeg.malloc(size)];
  if (input === 0 || output === 0) throw new Error("Cannot decode as memory must suffice: current memory does not");
  new Uint8Array(jpeg.memory.buffer, input, bytes.length).set(bytes);
  const handle = jpeg.tjInitDecompress();
  const format = isCmyk ? CMYK! : RGBA!;
  if (jpeg.tjDecompress2(handle, input, bytes.length, output, width, width * 4, height, format, 0) !== 0) {
    throw new Error("Cannot decode as its data must be whole: current ones are damaged");
  }
  const data = new Uint8Array(jpeg.memory.buffer, output, size).slice();
  for (const place of [input, output]) jpeg.free(place);
  jpeg.tjDestroy(handle);
  return data;
}
