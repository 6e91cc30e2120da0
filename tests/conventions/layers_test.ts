import { deepStrictEqual } from "node:assert/strict";

/** What each folder may import besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  tensor: [],
  sparse: ["tensor"],
  nn: ["tensor", "sparse"],
  data: ["tensor"],
  spark: ["tensor", "sparse", "nn", "data"],
};
const MAX_LINES = 400;

function* sourceFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sourceFiles(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

/** Files that a file needs at run time. Imports of types alone are no dependency. */
function importsOf(path: string): readonly string[] {
  const source = Deno.readTextFileSync(path).replaceAll(/\/\*[\s\S]*?\*\//g, "");
  return [...source.matchAll(/(?:^|\n)(?:import|export)\s+(type\s)?([^;]*?)from "(\.[^"]+)"/g)]
    .filter(([, type, names]) => !type && !onlyTypes(names!))
    .map(([, , , target]) => new URL(target!, `file:///${path}`).pathname.slice(1));
}

function onlyTypes(names: string): boolean {
  const braces = names.match(/^\{([^}]*)\}\s*$/);
  if (!braces) return false;
  const items = braces[1]!.split(",").map((item) => item.trim()).filter((item) => item !== "");
  return items.length > 0 && items.every((item) => item.startsWith("type "));
}

const FILES = Object.keys(ALLOWED).flatMap((layer) => [...sourceFiles(layer)]);

Deno.test("Source files import only from the folders theirs may import", () => {
  const folderOf = (path: string) => path.split("/")[0]!;
  const forbidden = FILES.flatMap((path) =>
    importsOf(path)
      .filter((target) => folderOf(target) !== folderOf(path) && !ALLOWED[folderOf(path)]!.includes(folderOf(target)))
      .map((target) => `${path} -> ${target}`)
  );
  deepStrictEqual(forbidden, []);
});

Deno.test("Source files do not import each other in a circle", () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    } else if (!done.has(path)) {
      importsOf(path).forEach((target) => visit(target, [...trail, path]));
      done.add(path);
    }
  };
  FILES.forEach((path) => visit(path, []));
  deepStrictEqual(circles, []);
});

Deno.test(`Source files have at most ${MAX_LINES} lines`, () => {
  const long = FILES.filter((path) => Deno.readTextFileSync(path).split("\n").length > MAX_LINES);
  deepStrictEqual(long, []);
});

Deno.test("Source files sum floats in a fixed order: no atomics on floats", () => {
  // Integer atomics are fine where the order cannot matter; a float's bits in one would need compare and exchange.
  const atomic = FILES.filter((path) => /atomicCompareExchangeWeak|atomicExchange/.test(Deno.readTextFileSync(path)));
  deepStrictEqual(atomic, []);
});
