/**
 * @file Makes the npm tarball: `deno task pack [--out FILE]`.
 *
 * `deno pack` turns the entries into JavaScript with types. What it cannot know is added here: which modules do something when
 * they are loaded, which packages only some functions need, and what pages get in place of files.
 */
import { parseArgs } from "node:util";
import { join, resolve } from "node:path";
import config from "../../deno.json" with { type: "json" };

/** Packages that single functions need: whoever calls those installs them. */
const OPTIONAL = [
  "@lobehub/fluent-emoji-3d", // fluentEmoji
  "emojibase-data",
  "@observablehq/plot", // lineChart
  "linkedom",
];

/** Modules whose loading alone does something: they name devices, or are the entry of a thread. */
const EFFECTS = [
  "./mod.js",
  "./tensor/mod.js",
  "./tensor/core.js",
  "./tensor/convolutions.js",
  "./tensor/devices/*/*device.js",
  "./data/batches/worker.js",
];

/** What nothing in a page can use, as it lies in files beside: a page gets an empty file. */
const FILES = [
  "@lobehub/fluent-emoji-3d/package.json",
  "emojibase-data/en/data.json",
  "emojibase-data/en/messages.json",
  "@cwasm/jpeg-turbo/package.json",
];
const EMPTY = "empty.json";

/** What `deno pack` writes of the package, as far as it is changed. */
interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args], cwd, stdout: "null" }).output();
  if (success) return;
  throw new Error(
    `Cannot pack as ${program} ${args[0]} must succeed: current error is ${new TextDecoder().decode(stderr)}`,
  );
}

/** Entries that run in Node and in pages: commands are for Deno. */
function libraryExports({ exports }: Manifest): Readonly<Record<string, unknown>> {
  const commands = Object.entries(config.exports).filter(([, path]) => path.startsWith("./spark/commands/"));
  return Object.fromEntries(
    Object.entries(exports).filter(([name]) => commands.every(([command]) => command !== name)),
  );
}

function manifestOf(packed: Manifest): object {
  const isOptional = (name: string) => OPTIONAL.includes(name);
  const pick = (wanted: boolean) =>
    Object.fromEntries(Object.entries(packed.dependencies).filter(([name]) => isOptional(name) === wanted));
  return {
    ...packed,
    engines: { node: ">=22.3" },
    sideEffects: EFFECTS,
    exports: libraryExports(packed),
    browser: Object.fromEntries(FILES.map((name) => [name, `./${EMPTY}`])),
    dependencies: pick(false),
    peerDependencies: pick(true),
    peerDependenciesMeta: Object.fromEntries(OPTIONAL.map((name) => [name, { optional: true }])),
  };
}

/**
 * Makes the tarball.
 *
 * @param out The file.
 */
export async function packForNpm(out: string): Promise<void> {
  const root = resolve(import.meta.dirname!, "../..");
  const folder = await Deno.makeTempDir();
  try {
    const packed = join(folder, "packed.tgz");
    await run(Deno.execPath(), ["pack", "--allow-dirty", "--no-source-maps", "--output", packed], root);
    await run("tar", ["xzf", packed], folder);
    const place = join(folder, "package");
    const manifest = JSON.parse(await Deno.readTextFile(join(place, "package.json"))) as Manifest;
    await Deno.writeTextFile(join(place, "package.json"), JSON.stringify(manifestOf(manifest), null, 2));
    await Deno.writeTextFile(join(place, EMPTY), "{}");
    await run("tar", ["czf", resolve(out), "package"], folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { values: { out } } = parseArgs({
    args: Deno.args,
    options: { out: { type: "string", default: `tessera-${config.version}.tgz` } },
  });
  await packForNpm(out);
  await Deno.stdout.write(new TextEncoder().encode(`${resolve(out)}: ${(await Deno.stat(out)).size} bytes\n`));
}
