/** @file Assembled kernels in the cache folder of the user, so that a second run need not assemble them. */
import { createHash } from "node:crypto";
import type { KernelStore } from "../../../tensor/devices/cpu/runtime/assemble.ts";
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

/** What a file holds if it is whole: the digest of a module, then the module. */
function moduleIn(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const module = file.slice(DIGEST);
  const digest = digestOf(module);
  return file.length > DIGEST && digest.every((byte, i) => byte === file[i]) ? module : undefined;
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

/**
 * Opens the cache of assembled kernels. A file is named after the text of its kernel and begins with the digest of what
 * follows: one that is damaged is assembled anew. Files are written aside and renamed, so that processes may write at the same
 * time. Where the folder cannot be read or written, kernels are assembled as without it.
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
  const state = { written: 0 };
  const pathOf = (text: string) => `${folder}/${digestOf(VERSION, "\n", text).toHex()}.wasm`;
  return {
    get: (text) => attempt(() => moduleIn(Deno.readFileSync(pathOf(text)))),
    set(text, module) {
      attempt(() => {
        if (state.written++ === 0) {
          Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
          thinOut(folder);
        }
        const path = pathOf(text);
        const aside = `${path}.${Deno.pid}.tmp`;
        Deno.writeFileSync(aside, Uint8Array.from([...digestOf(module), ...module]), { mode: 0o600 });
        Deno.renameSync(aside, path);
      });
    },
  };
}
