/** @file The house: which room may import which, how large rooms and files are, and where state may live. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { circles, readSources, type Source } from "./imports.ts";

const FOLDERS = ["tensor", "sparse", "nn", "data", "spark"];
const MAX_LINES = 300;
const MAX_FILES = 25;

const NOUNS = ["tensor/contraction", "tensor/compiler", "tensor/primitives", "tensor/transform", "tensor/functions"];
/** The two entries of tensor: for everybody, and for who writes kernels. */
const TENSOR = ["tensor/mod.ts", "tensor/kernel.ts"];
/** What libraries use: they compute on the devices that whoever uses them has loaded. */
const PARTS = ["tensor/core.ts", "tensor/parts.ts", "tensor/functions/random/mod.ts"];
/** What errors say and which names options have: data, which knows no tensor, says it the same way. */
const ERRORS = "tensor/errors.ts";
const below = (room: string) => ["tensor", ...NOUNS.slice(0, NOUNS.indexOf(room))];
/** Kernels of the library, which the records of primitives bring. */
const KERNELS = "tensor/kernels";

/** What each room may import besides itself. A file belongs to the longest room that its path begins with. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "tensor": [ERRORS],
  [ERRORS]: ["tensor"],
  ...Object.fromEntries(NOUNS.map((room) => [room, below(room)])),
  "tensor/primitives": [...below("tensor/primitives"), KERNELS],
  [KERNELS]: ["tensor/contraction", "tensor/compiler", "tensor/devices/webgpu"],
  "tensor/functions/random/mod.ts": ["tensor/functions"],
  "tensor/collectives": ["tensor", ...NOUNS.slice(0, 4)],
  "tensor/devices/reference": ["tensor", "tensor/contraction", "tensor/compiler"],
  "tensor/devices/cpu": ["tensor", "tensor/contraction", "tensor/compiler", KERNELS],
  "tensor/devices/webgpu": ["tensor", "tensor/contraction", "tensor/compiler"],
  "tensor/convolutions.ts": ["tensor/devices/webgpu"],
  "tensor/core.ts": ["tensor", ...NOUNS, "tensor/collectives", "tensor/devices/webgpu"],
  "tensor/profiling": ["tensor", ...NOUNS, "tensor/devices/webgpu"], // which alone can be tuned
  "tensor/mod.ts": ["tensor", ...NOUNS, "tensor/collectives", "tensor/devices"],
  "tensor/kernel.ts": ["tensor/mod.ts", "tensor/parts.ts"],
  "tensor/parts.ts": ["tensor", ...NOUNS, KERNELS, "tensor/devices", "tensor/profiling"],
  "sparse": [...TENSOR, ...PARTS],
  "nn": [...PARTS, "sparse", "data/boxes"],
  "data/formats": [ERRORS],
  "data/boxes": [ERRORS],
  "data/images": ["data/formats", "data/boxes", ERRORS],
  "data/sets": ["data/formats", "data/images", "data/boxes", ERRORS],
  "data/batches": ["data/formats", "data/images", "data/sets", "data/boxes", ERRORS, ...TENSOR],
  "data": ["data/formats", "data/images", "data/sets", "data/batches", "data/boxes"],
  "spark": [...TENSOR, "sparse", "nn"],
  "spark/mod.ts": ["spark", "spark/weights", "spark/train"],
  "spark/weights": [...TENSOR, "sparse", "nn", "spark", "data"],
  "spark/train": [
    "tensor/mod.ts",
    "tensor/kernel.ts",
    "sparse",
    "nn",
    "spark",
    "spark/mod.ts",
    "spark/weights",
    "spark/train/fast_cpu",
    "data",
  ],
  "spark/train/fast_cpu": [...TENSOR, "tensor", "tensor/devices/cpu"], // a part of the device that needs the runtime
  "spark/commands/cli": [...TENSOR, "spark/train", "data"],
  "spark/commands/shared": [
    ...[...TENSOR, "sparse", "nn", "spark", "spark/mod.ts", "spark/weights", "spark/train", "data"],
    "spark/commands/cli",
  ],
  "spark/commands": [
    ...[...TENSOR, "sparse", "nn", "spark", "spark/mod.ts", "spark/weights", "spark/train"],
    ...["data", "spark/commands/cli", "spark/commands/shared"],
  ],
};

/** Files that know each other by nature: a tensor has a primitive, which makes tensors, which devices compute. */
const KNOT = ["tensor/device.ts", "tensor/leaf_primitive.ts", "tensor/primitive.ts", "tensor/tensor.ts"];

/** What lowerings are made of: the record of a primitive names it by type alone. */
const LOWERINGS = [
  ...["tensor/contraction/contraction.ts", "tensor/compiler/scalar.ts", "tensor/compiler/kernel_forms.ts"],
  "tensor/compiler/kernel_text.ts",
  "tensor/compiler/kernel_loops.ts",
];

/** State of modules: caches that their documentation names, counters of which only the order matters, and the default device. */
const STATE: Readonly<Record<string, readonly string[]>> = {
  "data/batches/worker.ts": ["queue"], // of a thread of its own
  "data/images/jpeg_codec.ts": ["codec"], // the module and its instance, as its file says
  "sparse/derived.ts": ["cache"],
  "spark/train/model_file.ts": ["loaded"],
  "tensor/compiler/boundary.ts": ["computedBefore"],
  "tensor/compiler/expansions/applied.ts": ["applied"],
  "tensor/compiler/graph.ts": ["bodies"],
  "tensor/compiler/kernel_key.ts": ["keys"],
  "tensor/compiler/work.ts": ["facts"],
  "tensor/compiler/brought.ts": ["brought"],
  "tensor/device.ts": ["registry"],
  "tensor/devices/cpu/emit/functions.ts": ["written"],
  "tensor/devices/cpu/emit/varies.ts": ["variation"],
  "tensor/devices/cpu/runtime/assemble.ts": ["kernels", "kernelsOfBytes"],
  "tensor/devices/cpu/runtime/fastest_tiles.ts": ["known"],
  "tensor/devices/webgpu/brought.ts": ["brought"],
  "tensor/devices/webgpu/emit/functions.ts": ["written"],
  "tensor/devices/webgpu/runtime/launch.ts": ["numbers"],
  "tensor/tensor.ts": ["counter", "inner"],
  "tensor/text_of.ts": ["numbers", "counter"],
  "tensor/transform/loops/evaluate_loop.ts": ["evaluated"],
  "tensor/transform/running.ts": ["running"], // empty between calls
};

const SOURCES = readSources(FOLDERS);
const ROOMS = Object.keys(ALLOWED).sort((a, b) => b.length - a.length);

function isIn(path: string, room: string): boolean {
  return path === room || path.startsWith(`${room}/`);
}

function roomOf(path: string): string {
  return ROOMS.find((room) => isIn(path, room))!;
}

/** A command is a room of its own beside the other commands. */
function commandOf(path: string): string {
  return path.split("/").slice(0, 3).join("/");
}

function mayImport(path: string, target: string): boolean {
  const [from, to] = [roomOf(path), roomOf(target)];
  if (path === "tensor/primitive.ts" && LOWERINGS.includes(target)) return true;
  if (from === "spark/commands" && to === from) return commandOf(path) === commandOf(target);
  // A room's front door says what the room has; who may enter may use it.
  return from === to ||
    ALLOWED[from]!.some((room) => room === to || (room === to.replace("/mod.ts", "")) || isIn(to, room));
}

Deno.test("Source files import only from the rooms that theirs may import, types included", () => {
  const forbidden = SOURCES.flatMap(({ path, imports }) =>
    imports.filter((target) => !mayImport(path, target)).map((target) => `${path} -> ${target}`)
  );
  deepStrictEqual(forbidden, []);
});

Deno.test("Source files do not import each other in a circle, types included", () => {
  deepStrictEqual(circles(SOURCES), [KNOT]);
});

Deno.test(`Source files have at most ${MAX_LINES} lines, and folders at most ${MAX_FILES} files`, () => {
  const long = SOURCES.filter(({ text }) => text.trimEnd().split("\n").length > MAX_LINES).map(({ path }) => path);
  const folders = Map.groupBy(SOURCES, ({ path }) => path.slice(0, path.lastIndexOf("/")));
  const full = [...folders].filter(([, files]) => files.length > MAX_FILES).map(([folder]) => folder);
  deepStrictEqual({ long, full }, { long: [], full: [] });
});

Deno.test("Only data, training and commands call the runtime; libraries run in any browser", () => {
  const free = SOURCES.filter(({ path }) =>
    /^(tensor|sparse|nn)\//.test(path) || /^spark\/(weights\/)?\w+\.ts$/.test(path)
  );
  const calls = free.filter(({ text }) => /\bDeno\.(?!customInspect|lint)|from "node:/.test(codeOf(text)));
  deepStrictEqual(calls.map(({ path }) => path), []);
});

/** Text without comments; strings stay. */
function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

/** Module-level constants whose value the file changes. */
function stateOf({ text }: Source): readonly string[] {
  const code = codeOf(text).replaceAll(/`[^`]*`/g, "``").replaceAll(/typeof \w+/g, "");
  const names = [...code.matchAll(/^(?:export )?const (\w+)/gm)].map(([, name]) => name!);
  const changes = "(?:set|add|push|delete|clear|splice|pop|shift|unshift|fill|sort)";
  return names.filter((name) =>
    new RegExp(
      `(?<![\\w.])${name}!?(?:\\??\\.\\w+|\\[[^\\]]*\\])*(?:\\s*(?:[-+*/|&]|\\?\\?|\\|\\|)?=(?![=>])|\\+\\+|--)`,
    ).test(
      code.replaceAll(/^(?:export )?const .*$/gm, (line) => line.replace(/^(?:export )?const \w+[^=]*=/, "")),
    ) || new RegExp(`(?<![\\w.])${name}(?:\\??\\.\\w+)*\\.${changes}\\(`).test(code)
  );
}

Deno.test("No value of a module changes but the caches and counters of a list", () => {
  const found = SOURCES.map((source) => [source.path, stateOf(source)] as const).filter(([, names]) =>
    names.length > 0
  );
  deepStrictEqual(Object.fromEntries(found), STATE);
});

/** Words of the lowerings themselves: moves of views, kinds of reductions, and basic operations of scalar expressions. */
const WORDS = new Set([
  "reshape",
  "transpose",
  "broadcast",
  "slice",
  "pad",
  "sum",
  "max",
  "min",
  "iota",
  "cast",
  "select",
]);

Deno.test("Compilers know primitives by what they do, not by name", () => {
  const names = new Set(
    SOURCES.filter(({ path }) => path.startsWith("tensor/primitives/")).flatMap(({ text }) =>
      [...text.matchAll(/^const [A-Z0-9_]+(?:: Primitive[^=]*)? = (?:\w+\(\s*"(\w+)"|\{\s*name: "(\w+)")/gm)]
        .map(([, made, written]) => (made ?? written)!)
    ),
  );
  ok(names.size > 20);
  const compiler = SOURCES.filter(({ path }) => isIn(path, "tensor/compiler") && !path.endsWith("/operations.ts"));
  const known = compiler.flatMap(({ path, text }) =>
    [...codeOf(text).matchAll(/"(\w+)"/g)].filter(([, word]) => names.has(word!) && !WORDS.has(word!)).map(([, word]) =>
      `${path}: ${word}`
    )
  );
  deepStrictEqual(known, []);
});

Deno.test("Source files sum floats in a fixed order: no atomics on floats", () => {
  // Integer atomics are fine where the order cannot matter; a float's bits in one would need compare and exchange.
  const atomic = SOURCES.filter(({ text }) => /atomicCompareExchangeWeak|atomicExchange/.test(text));
  deepStrictEqual(atomic.map(({ path }) => path), []);
});
