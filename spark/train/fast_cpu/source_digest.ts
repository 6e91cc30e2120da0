import { createHash } from "node:crypto";

/** What writes kernels: all that they follow from is in this folder. */
const SOURCE = new URL("../../../tensor/", import.meta.url);

/** An address in a registry, whose contents never change. */
const VERSIONED = /^https:.*[@/]\d+\.\d+\.\d+/;

/** Files below a folder, in order. */
function filesUnder(folder: URL): readonly URL[] {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap(({ name, isDirectory }) =>
    isDirectory ? filesUnder(new URL(`${name}/`, folder)) : [new URL(name, folder)]
  );
}

/**
 * Names the version of what writes kernels, so that what another version wrote is not taken for it.
 *
 * @param source Its folder.
 * @returns The digest of all its files where they are a folder of this machine; its address where that names the version, as in
 * registries.
 * @throws {Error} If the files cannot be read, as in a bundle.
 */
export function sourceDigest(source: URL = SOURCE): string {
  if (VERSIONED.test(source.href)) return source.href;
  const hash = createHash("sha256");
  for (const file of filesUnder(source)) {
    const contents = Deno.readFileSync(file);
    hash.update(`${file.href.slice(source.href.length)}\n${contents.length}\n`).update(contents);
  }
  return hash.digest("hex");
}
