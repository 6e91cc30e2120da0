import { classesOf, IMAGE_ENDINGS, isImagePath } from "./classes.ts";
import type { Dataset } from "./dataset.ts";
import { imageFiles } from "./image_files.ts";

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
  const files = listed.filter(isImagePath).sort();
  if (files.length === 0) {
    throw new Error(
      `Cannot make a data set as the folder must hold images (${
        IMAGE_ENDINGS.join(", ")
      }), flat or in a sub-folder for ` +
        `each class: current folder ${path} has ${listed.length} files, none of these`,
    );
  }
  return imageFiles({ name: path, files: files.map((file) => `${root}/${file}`), ...classesOf(files) });
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
      `Cannot make a data set as images (${IMAGE_ENDINGS.join(", ")}) must lie in ${problem}: current path is ${root}`,
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
