/** @file Assembled kernels in the cache folder of the user, so that a second run need not assemble them. */
import { createHash } from "node:crypto";
import type { KernelStore, Modules } from "../../../tensor/devices/cpu/runtime/assemble.ts";
import { cachePath } from "./cache_path.ts";

/** Changes with whatever makes other modules of equal texts: the assembler. */
const VERSION = "2";
/** Bytes of a SHA-256, with which each file begins. */
const DIGEST = 32;
/** Files above which those written longest ago go, and how many are kept then: some 20 KB each. */
const MOST = { files: 8192, kept: 4096 } as const;

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

/** Drops what was written longest ago from a folder that has become too large. */
function thinOut(folder: string): void {
  const files = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile);
  if (files.length <= MOST.files) return;
  const times = files.map(({ name }) => ({ name, time: Deno.statSync(`${folder}/${name}`).mtime?.getTime() ?? 0 }));
  times.sort((a, b) => b.time - a.time).slice(MOST.kept).forEach(({ name }) => Deno.removeSync(`${folder}/${name}`));
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
        Deno.writeFileSync(aside, Uint8Array.from([...digestOf(contents), ...contents]), { mode: 0o600 });
        Deno.renameSync(aside, `${folder}/${name}`);
      });
    },
  };
}

/**
 * Opens the cache of assembled kernels. A file is named after the text of its kernel and begins with the digest of what
 * follows: one that is damaged is assembled anew. A file that is named after the kernels of a program names those of the
 * program that came next. Files are written aside and renamed, so that processes may write at the same time. Where the folder
 * cannot be read or written, kernels are assembled as without it.
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
 * equal([...Deno.readDirSync(folder)].length, 1);
 * device.close();
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function kernelCache(folder: string = cachePath("kernels", (name) => Deno.env.get(name))): KernelStore {
  const files = filesIn(folder);
  const names = new WeakMap<Uint8Array, string>(); // of modules that it gave or was given
  const early = new Map<string, Uint8Array<ArrayBuffer>>(); // read ahead, until they are asked for
  const digest = (text: string) => digestOf(VERSION, "\n", text).toHex();
  const nameOf = (text: string) => `${digest(text)}.wasm`;
  const namesOf = (modules: Modules) => modules.map((x) => names.get(x)).join();
  const nextName = (program: Modules) => `${digest(namesOf(program))}.next`;
  const listIn = (name: string) => new TextDecoder().decode(files.read(name) ?? new Uint8Array());
  const read = (name: string) => early.get(name) ?? files.read(name);
  return {
    get(text) {
      const name = nameOf(text);
      const module = read(name);
      early.delete(name);
      if (module) names.set(module, name);
      return module;
    },
    set(text, module) {
      names.set(module, nameOf(text));
      files.write(nameOf(text), module);
    },
    next: (program) =>
      listIn(nextName(program)).split(",").flatMap((name) => {
        const module = name === "" ? undefined : read(name);
        if (module) early.set(name, module);
        return module ?? [];
      }),
    setNext(program, next) {
      const list = namesOf(next);
      if (list !== listIn(nextName(program))) files.write(nextName(program), new TextEncoder().encode(list));
    },
  };
}
