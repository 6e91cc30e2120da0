/** @file What source files import, types included, read from their text. */

/** A file and what it imports of the project. */
export interface Source {
  /** Path from the root. */
  readonly path: string;
  readonly text: string;
  /** Paths from the root, each once. */
  readonly imports: readonly string[];
}

function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesIn(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

function importsOf(path: string, text: string): readonly string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const named = code.matchAll(/(?:^|\n)\s*(?:import|export)\s[^;"]*?from "(\.[^"]+)"/g);
  const dynamic = code.matchAll(/\bimport\("(\.[^"]+)"\)/g);
  const targets = [...named, ...dynamic].map(([, target]) => new URL(target!, `file:///${path}`).pathname.slice(1));
  return [...new Set(targets)];
}

/**
 * Reads all source files below some folders.
 *
 * @param folders Paths from the root.
 * @returns The files, in order of their paths.
 */
export function readSources(folders: readonly string[]): readonly Source[] {
  return folders.flatMap((folder) => [...filesIn(folder)]).sort().map((path) => {
    const text = Deno.readTextFileSync(path);
    return { path, text, imports: importsOf(path, text) };
  });
}

/**
 * Finds groups of files that import each other, directly or not.
 *
 * @param sources The files.
 * @returns The groups of more than one file, as sorted paths.
 */
export function circles(sources: readonly Source[]): readonly (readonly string[])[] {
  const imports = new Map(sources.map(({ path, imports }) => [path, imports]));
  const reaches = (from: string): ReadonlySet<string> => {
    const seen = new Set<string>();
    const open = [...imports.get(from) ?? []];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...imports.get(next) ?? []);
    }
    return seen;
  };
  const reached = new Map(sources.map(({ path }) => [path, reaches(path)]));
  const groups = sources.map(({ path }) =>
    sources.map((other) => other.path).filter((other) =>
      other === path || (reached.get(path)!.has(other) && reached.get(other)?.has(path))
    ).sort()
  );
  const texts = groups.filter((group) => group.length > 1).map((group) => group.join("\n"));
  return [...new Set(texts)].map((text) => text.split("\n"));
}
