/** @file What the package promises: what its entries load, and that every symbol of them is documented. */
import { deepStrictEqual, ok } from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { withFolder } from "../data/support.ts";

const ROOT = new URL("../../", import.meta.url);
const COMMANDS = Object.entries(config.exports).filter(([, path]) => path.startsWith("./spark/commands/"));

/** A module, and what it imports. */
interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier: string };
  }[];
}

async function deno(...args: readonly string[]) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT }).output();
  return { success, out: new TextDecoder().decode(stdout), error: new TextDecoder().decode(stderr) };
}

type Modules = ReadonlyMap<string, ModuleInfo>;

const urlOf = (path: string) => new URL(path, ROOT).href;

/** All modules that some files import, by a file that imports them all: one process tells of them. */
async function modulesOf(paths: readonly string[]): Promise<Modules> {
  const known = new Map<string, ModuleInfo>();
  const text = paths.map((path) => `import ${JSON.stringify(urlOf(path))};`).join("\n");
  await withFolder({ "all.ts": new TextEncoder().encode(text) }, async (folder) => {
    const { out } = await deno("info", "--json", "--config", "deno.json", `${folder}/all.ts`);
    const { modules } = JSON.parse(out) as { readonly modules: readonly ModuleInfo[] };
    modules.forEach((module) => known.set(module.specifier, module));
  });
  return known;
}

/** What importing a file loads at once, besides files of the project: packages and modules of the host, by name. */
function loadedBy(path: string, modules: Modules): readonly string[] {
  const seen = new Set([urlOf(path)]);
  const outside = new Set<string>();
  for (const specifier of seen) {
    for (const { specifier: written, code, isDynamic } of modules.get(specifier)?.dependencies ?? []) {
      if (!code || isDynamic) continue;
      if (code.specifier?.startsWith("file:")) seen.add(code.specifier);
      else outside.add(written);
    }
  }
  ok(seen.size > 1, `${path} imports files`);
  return [...outside].sort();
}

Deno.test("importing the library loads no module of a host, and of packages only one that is small and pure", async () => {
  const entries = Object.values(config.exports).filter((path) =>
    path.endsWith("mod.ts") || path === "./tensor/core.ts"
  );
  ok(entries.length >= 7);
  const chart = "./data/images/line_chart.ts";
  const modules = await modulesOf([...entries, chart]);
  for (const entry of entries) {
    const files = ["./mod.ts", "./spark/mod.ts", "./data/mod.ts"].includes(entry);
    deepStrictEqual([entry, loadedBy(entry, modules)], [entry, files ? ["fflate"] : []]);
  }
  deepStrictEqual(loadedBy(chart, modules), ["@observablehq/plot", "linkedom"]);
});

Deno.test("every symbol of every entry is documented", async () => {
  const { success, error } = await deno("doc", "--lint", ...Object.values(config.exports));
  ok(success, error);
});

Deno.test("no entry has types that its importers must infer", async () => {
  const { success, error } = await deno("publish", "--dry-run", "--allow-dirty", "--no-check"); // types are checked before tests run
  ok(success, error);
  ok(!error.includes("slow-type"), error);
});

Deno.test("each command is an entry, which runs by itself", async () => {
  ok(COMMANDS.length >= 11);
  for (const [name, path] of COMMANDS) {
    const { success, out } = await deno("run", "-A", path, "--help");
    ok(success && /\busage\b/i.test(out), `${name} --help: ${out}`);
  }
});
