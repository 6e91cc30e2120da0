/** @file Assembled kernels in the cache folder of the user, so that a second run need not assemble them. */
import { createHash } from "node:crypto";
import type { KernelStore, Modules } from "../../../tensor/devices/cpu/runtime/assemble.ts";
import { cachePath } from "./cache_path.ts";
import { sourceDigest } from "./source_digest.ts";

/** Changes with whatever makes other files of equal texts and contents: the assembler, and the form of a file. */
const VERSION = "2";
/** Bytes of a SHA-256, with which each file begins. */
const DIGEST = 32;
/** Files and bytes above which those written longest ago go, until half is left: kernels of some 2 KB, programs of up to 1 MB. */
const MOST = { files: 16384, bytes: 2 ** 29 } as const;

/** Name of a file: of a version, and of what it is about. */
const digestText = (version: string, text: string) => digestOf(version, "\n", text).toHex();

function digestOf(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const hash = createHash("sha256");
  parts.forEach((part) => hash.update(part));
  return hash.digest();
}

/** What a file holds if it is whole: the digest of its contents, then those. */
function contentsOf(path: string): Uint8Array<ArrayBuffer> | undefined {
  const file = Deno.readFileSync(path);
  const contents = file.slice(DIGEST);
  const digest = digestOf(contents);
  return file.length > DIGEST && digest.every((byte, i) => byte === file[i]) ? contents : undefined;
}

function withDigest(contents: Uint8Array): Uint8Array {
  const whole = new Uint8Array(DIGEST + contents.length);
  whole.set(digestOf(contents));
  whole.set(contents, DIGEST);
  return whole;
}

/** Drops what was written longest ago from a folder that has become too large. */
function thinOut(folder: string): void {
  const files = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => {
    const { mtime, size } = Deno.statSync(`${folder}/${name}`);
    return { name, size, time: mtime?.getTime() ?? 0 };
  });
  const bytesOf = (list: typeof files) => list.reduce((sum, { size }) => sum + size, 0);
  if (files.length <= MOST.files && bytesOf(files) <= MOST.bytes) return;
  const room = { files: MOST.files / 2, bytes: MOST.bytes / 2 };
  for (const { name, size } of files.sort((a, b) => b.time - a.time)) {
    room.files--;
    room.bytes -= size;
    if (room.files < 0 || room.bytes < 0) Deno.removeSync(`${folder}/${name}`);
  }
}

/** Does something with files that may be gone, full or forbidden: a cache that does not work is done without. */
function attempt<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}

/** The files of a folder, which is made with the first of them. A file that cannot be read is none. */
function filesIn(folder: string) {
  const state = { written: 0 };
  return {
    read: (name: string) => attempt(() => contentsOf(`${folder}/${name}`)),
    write(name: string, contents: Uint8Array) {
      attempt(() => {
        if (state.written++ === 0) {
          Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
          thinOut(folder);
        }
        const aside = `${folder}/${name}.${Deno.pid}.tmp`;
        Deno.writeFileSync(aside, withDigest(contents), { mode: 0o600 });
        Deno.renameSync(aside, `${folder}/${name}`);
      });
    },
  };
}

const textOf = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

/** The modules in files, by their names: of one name one object. */
function modulesIn(files: ReturnType<typeof filesIn>) {
  const names = new WeakMap<Uint8Array, string>();
  const held = new Map<string, WeakRef<Uint8Array<ArrayBuffer>>>();
  const early = new Map<string, Uint8Array<ArrayBuffer>>(); // read ahead, until they are asked for
  const hold = (name: string, module: Uint8Array<ArrayBuffer>) => {
    names.set(module, name);
    held.set(name, new WeakRef(module));
    return module;
  };
  const read = (name: string) => {
    const module = files.read(name);
    return module && hold(name, module);
  };
  const find = (name: string) => held.get(name)?.deref() ?? read(name);
  return {
    /** Name of a module that was read or written here. */
    nameOf: (module: Uint8Array) => names.get(module) ?? "",
    write: (name: string, module: Uint8Array<ArrayBuffer>) => files.write(name, hold(name, module)),
    read(name: string) {
      const module = find(name);
      early.delete(name);
      return module;
    },
    readAhead(name: string) {
      const module = find(name);
      if (module) early.set(name, module);
      return module;
    },
  };
}

/** What a file holds of a kernel or a program: its modules by name. */
interface KeptFile {
  readonly names: readonly string[];
  readonly data: unknown;
}

/** What was made of kernels and programs by the version of the library that runs now. */
function keptBy(
  files: ReturnType<typeof filesIn>,
  modules: ReturnType<typeof modulesIn>,
): Pick<KernelStore, "find" | "keep"> {
  const version: { read?: string | null } = {}; // read when the first is asked for
  const fileOf = (content: string) => {
    if (version.read === undefined) version.read = attempt(sourceDigest) ?? null;
    return version.read === null ? null : `${digestText(`${VERSION} ${version.read}`, content)}.kept`;
  };
  return {
    find(content) {
      const name = fileOf(content);
      const file = name === null ? undefined : files.read(name);
      if (!file) return undefined;
      const { names, data }: KeptFile = JSON.parse(textOf(file));
      const found = names.flatMap((name) => modules.read(name) ?? []);
      return found.length === names.length ? { modules: found, data } : undefined;
    },
    keep(content, { modules: made, data }) {
      const file: KeptFile = { names: made.map(modules.nameOf), data };
      const name = fileOf(content);
      if (name !== null) files.write(name, new TextEncoder().encode(JSON.stringify(file)));
    },
  };
}

/** What this process was started with. */
const command = () => attempt(() => `${Deno.mainModule} ${JSON.stringify(Deno.args)}`) ?? "";

/**
 * Opens the cache of assembled kernels. A file of a module is named after the text that it was made of, and each file begins with
 * the digest of what follows: one that is damaged counts as none. A file that is named after the content of a kernel or a
 * program, and after the source of this library as it is now, names its modules and holds what else there is, so that texts need
 * not be written nor programs be planned; where that source is no folder of files, both are done. A file that is named after the
 * kernels of a program names those of the program that came next, one that is named after a command those of its first. Files
 * are written aside and renamed, so that processes may write at the same time. Where the folder cannot be read or written,
 * kernels are assembled as without it.
 *
 * @param folder Where to keep them: `tessera/kernels` in the cache folder of the user by default, which is made with the first
 * kernel. Whoever can write there decides what runs, as in the cache of Deno.
 * @returns The cache, for `cpuDevice` and `fastCpuDevice`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { add, cpuDevice, tensor } from "@tessera/tessera/tensor";
 * import { kernelCache } from "@tessera/tessera/fast";
 *
 * const folder = await Deno.makeTempDir();
 * const device = cpuDevice({ threads: 1, kernels: kernelCache(folder) });
 * equal(await add(tensor(1), 2).item({ device }), 3);
 * equal([...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".wasm")).length, 1);
 * device.close();
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function kernelCache(folder: string = cachePath("kernels", (name) => Deno.env.get(name))): KernelStore {
  const files = filesIn(folder);
  const modules = modulesIn(files);
  const nameOf = (text: string) => `${digestText(VERSION, text)}.wasm`;
  const namesOf = (program: Modules) => program.map(modules.nameOf).join();
  const nextName = (program: Modules) =>
    `${digestText(VERSION, program.length > 0 ? namesOf(program) : command())}.next`;
  return {
    get: (text) => modules.read(nameOf(text)),
    set: (text, module) => modules.write(nameOf(text), module),
    ...keptBy(files, modules),
    next: (program) =>
      textOf(files.read(nextName(program))).split(",").flatMap((name) => name ? modules.readAhead(name) ?? [] : []),
    setNext(program, next) {
      const [name, list] = [nextName(program), namesOf(next)];
      if (list !== textOf(files.read(name))) files.write(name, new TextEncoder().encode(list));
    },
  };
}
