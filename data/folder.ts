import type { Dataset } from "./dataset.ts";
import { imageFiles } from "./image_files.ts";

/** Endings that make a file an image, in any case. */
const EXTENSIONS = [".jpg", ".jpeg", ".png", ".webp"] as const;

/** Deeper folders are not searched: links may form a circle. */
const MAX_DEPTH = 16;

/**
 * Makes a data set of the image files in a folder, in the order of their paths.
 *
 * If all of them lie in sub-folders, each sub-folder is a class; otherwise there are no classes. Sub-folders are searched
 * to any depth; names that start with a dot are left out.
 *
 * @param path The folder.
 * @returns A data set; the files are listed now and read later.
 * @throws {Error} If the folder is missing, is no folder, cannot be read, or holds no image.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { folder } from "@tessera/tessera/data";
 *
 * throws(() => folder("no-such-folder"), /must lie in an existing folder: current path is no-such-folder/);
 * ```
 */
export function folder(path: string): Dataset {
  const root = path.replace(/(?<=.)\/+$/, "");
  const listed = listFolder(root);
  const isImage = (file: string) => EXTENSIONS.some((extension) => file.toLowerCase().endsWith(extension));
  const files = listed.filter(isImage).sort();
  if (files.length === 0) {
    throw new Error(
      `Cannot make a data set as the folder must hold images (${EXTENSIONS.join(", ")}), flat or in a sub-folder for ` +
        `each class: current folder ${path} has ${listed.length} files, none of these`,
    );
  }
  const absolute = files.map((file) => `${root}/${file}`);
  if (files.some((file) => !file.includes("/"))) return imageFiles({ name: path, files: absolute });
  const classOf = (file: string) => file.slice(0, file.indexOf("/"));
  const labelNames = [...new Set(files.map(classOf))].sort();
  const numbers = new Map(labelNames.map((name, i) => [name, i]));
  const labels = Int32Array.from(files, (file) => numbers.get(classOf(file))!);
  return imageFiles({ name: path, files: absolute, labels, labelNames });
}

/** All files below the folder, relative to it. */
function listFolder(root: string): readonly string[] {
  try {
    if (!Deno.statSync(root).isDirectory) throw new Deno.errors.NotADirectory(root);
    return [...filesBelow(root, "", 0)];
  } catch (cause) {
    const problem = cause instanceof Deno.errors.NotFound
      ? "an existing folder"
      : cause instanceof Deno.errors.NotADirectory
      ? "a folder, not a file"
      : "a readable folder";
    throw new Error(
      `Cannot make a data set as images (${EXTENSIONS.join(", ")}) must lie in ${problem}: current path is ${root}`,
      { cause },
    );
  }
}

function* filesBelow(root: string, prefix: string, depth: number): Generator<string> {
  for (const entry of Deno.readDirSync(`${root}/${prefix}`)) {
    if (entry.name.startsWith(".")) continue;
    const file = prefix + entry.name;
    const { isDirectory, isFile } = entry.isSymlink ? followed(`${root}/${file}`) : entry;
    if (isDirectory && depth < MAX_DEPTH) yield* filesBelow(root, `${file}/`, depth + 1);
    else if (isFile) yield file;
  }
}

/** What a link points to; nothing if it is broken. */
function followed(path: string): { readonly isDirectory: boolean; readonly isFile: boolean } {
  try {
    return Deno.statSync(path);
  } catch {
    return { isDirectory: false, isFile: false };
  }
}
