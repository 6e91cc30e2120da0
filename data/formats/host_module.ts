/** @file Modules that Deno and Node have and a page has not. Asked for when they are used, no bundler for pages stumbles over them. */
import type * as fs from "node:fs";
import type * as path from "node:path";
import type * as stream from "node:stream";
import type * as threads from "node:worker_threads";
import type * as url from "node:url";
import type * as zlib from "node:zlib";

/** The modules that are used, by name. */
interface HostModules {
  readonly fs: typeof fs;
  readonly path: typeof path;
  readonly stream: typeof stream;
  readonly url: typeof url;
  readonly "worker_threads": typeof threads;
  readonly zlib: typeof zlib;
}

/** The part of `process` of Deno and Node that hands them out. */
interface Host {
  readonly process?: { getBuiltinModule?(name: string): unknown };
}

/**
 * Gives a module of Deno and Node.
 *
 * @param name Its name, without `node:`.
 * @returns The module.
 * @throws {Error} In a page, which has none.
 */
export function hostModule<Name extends keyof HostModules>(name: Name): HostModules[Name] {
  const found = (globalThis as Host).process?.getBuiltinModule?.(`node:${name}`);
  if (found) return found as HostModules[Name];
  throw new Error(
    `Cannot use files or archives as Deno, or Node from 22.3 on, must run this: current host lacks ${name}`,
  );
}
