/** Classes of a list of files. */
export interface Classes {
  /** Class of each file. */
  readonly labels: Int32Array;
  /** Their names, in alphabetical order. */
  readonly labelNames: readonly string[];
}

/**
 * Makes a class of each name before the first `/` of the paths.
 *
 * @param paths Relative paths.
 * @returns Class of each path and the names; nothing where a path has no `/`.
 */
export function classesOf(paths: readonly string[]): Classes | undefined {
  if (paths.some((path) => !path.includes("/"))) return undefined;
  const classOf = (path: string) => path.slice(0, path.indexOf("/"));
  const labelNames = [...new Set(paths.map(classOf))].sort();
  const numbers = new Map(labelNames.map((name, i) => [name, i]));
  return { labels: Int32Array.from(paths, (path) => numbers.get(classOf(path))!), labelNames };
}

/** Endings that make a file an image, in any case. */
export const IMAGE_ENDINGS = [".jpg", ".jpeg", ".png", ".webp"] as const;

/**
 * Whether a file is an image by its ending.
 *
 * @param path Any path.
 * @returns True for `.jpg`, `.jpeg`, `.png` and `.webp`, in any case.
 */
export function isImagePath(path: string): boolean {
  return IMAGE_ENDINGS.some((ending) => path.toLowerCase().endsWith(ending));
}
