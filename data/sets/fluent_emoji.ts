import { requireOptions } from "../../tensor/errors.ts";
import { countClasses, leftOutKeeper, type SourceAccount } from "./account.ts";
import { hostModule } from "../formats/host_module.ts";
import type { Dataset } from "./dataset.ts";
import { sprites, type SpritesOptions } from "./sprites.ts";

/** Settings of `fluentEmoji`. */
export interface FluentEmojiOptions extends Pick<SpritesOptions, "canvas" | "scale"> {
  /** True to add the 1,520 skin-tone variants, with the labels of their base; false if not given. */
  readonly skinTones?: boolean;
  /** Groups to keep, such as `["animals-nature", "food-drink", "travel-places"]`; all nine if not given. */
  readonly groups?: readonly string[];
  /** What the labels are: one of 97 sub-groups such as `"animal-mammal"`, or one of 9 groups; `"subgroup"` if not given. */
  readonly labels?: "group" | "subgroup";
}

/** An entry of emojibase's table, as far as it is used. */
interface Emoji {
  readonly hexcode: string;
  readonly label: string;
  readonly group?: number;
  readonly subgroup?: number;
  readonly skins?: readonly Pick<Emoji, "hexcode" | "label">[];
}

interface Names {
  readonly groups: readonly { readonly key: string; readonly order: number }[];
  readonly subgroups: readonly { readonly key: string; readonly order: number }[];
}

/**
 * Makes the built-in data set: 1,852 objects of Microsoft's Fluent Emoji 3D (256 x 256 pixels with alpha, MIT licence)
 * on painted backgrounds, labelled by the sub-groups of the Unicode emoji table. The npm packages
 * `@lobehub/fluent-emoji-3d` and `emojibase-data` are fetched on first use (25 MB), then read from Deno's cache.
 *
 * @param options Which images, which labels, how large.
 * @returns A data set of square RGB images; the order of samples is that of the codepoints' file names.
 * @throws {RangeError} If a group is unknown.
 * @throws {Error} If a package is neither in the cache nor within reach.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { fluentEmoji } from "@tessera/tessera/data";
 *
 * const emoji = await fluentEmoji();
 * equal(emoji.length, 1852);
 * equal(emoji.labelNames!.length, 97);
 * ```
 */
export async function fluentEmoji(options: FluentEmojiOptions = {}): Promise<Dataset> {
  requireOptions("fluentEmoji", options, { skinTones: true, groups: true, labels: true, scale: true, canvas: true });
  const { skinTones, labels, groups, ...look } = options;
  const chosen = { ...skinTones && { skinTones }, ...labels && { labels }, ...groups && { groups } };
  const { account, ...files } = await emojiFiles(chosen);
  return { ...sprites({ name: "fluent-emoji", ...files, ...look }), account };
}

/** Files of the emoji, what they show, their classes, and what is left out. */
export type EmojiFiles = Required<Pick<SpritesOptions, "files" | "names" | "labels" | "labelNames">> & {
  readonly account: SourceAccount;
};

/**
 * Lists the files of the built-in data set.
 *
 * @param options Which images, which labels.
 * @returns Files in the order of the codepoints, names, labels.
 * @throws {RangeError} If a group is unknown.
 * @throws {Error} If a package is neither in the cache nor within reach.
 */
export async function emojiFiles(
  options: Pick<FluentEmojiOptions, "skinTones" | "labels" | "groups">,
): Promise<EmojiFiles> {
  const { skinTones = false, labels: level = "subgroup", groups } = options;
  const { directory, table, names } = await loadPackages();
  const files = new Set([...Deno.readDirSync(directory)].map((entry) => entry.name).sort());
  const kept = groupFilter(groups, names);
  const left = new Map([...files].map((file) => [file, "that the table of emoji lacks"]));
  const entries = table.flatMap((emoji) => {
    const order = emoji[level];
    const reason = order === undefined ? "without a group" : kept(emoji.group) ? undefined : "of other groups";
    return [emoji, ...emoji.skins ?? []].flatMap(({ hexcode, label }, tone) => {
      const file = fileOf(hexcode, files);
      if (!file) return [];
      const why = reason ?? (tone > 0 && !skinTones ? "of a skin tone" : undefined);
      if (why === undefined) left.delete(file);
      else left.set(file, why);
      return why === undefined ? [{ file, label, order: order! }] : [];
    });
  }).sort((a, b) => a.file < b.file ? -1 : 1);
  const orders = [...new Set(entries.map(({ order }) => order))].sort((a, b) => a - b);
  const keys = new Map(names[`${level}s`].map(({ key, order }) => [order, key]));
  const labels = Int32Array.from(entries, ({ order }) => orders.indexOf(order));
  const labelNames = orders.map((order) => keys.get(order)!);
  return {
    files: entries.map(({ file }) => `${directory}/${file}`),
    names: entries.map(({ label }) => label),
    ...{ labels, labelNames, account: accountOf(left, { found: files.size, labels, labelNames, level }) },
  };
}

/** What is used of the emoji, and why the others are not. */
function accountOf(
  left: ReadonlyMap<string, string>,
  { found, labels, labelNames, level }: {
    readonly found: number;
    readonly labels: Int32Array;
    readonly labelNames: readonly string[];
    readonly level: string;
  },
): SourceAccount {
  const leftOut = leftOutKeeper();
  left.forEach((reason, file) => leftOut.add(file, "image", reason));
  return {
    ...{ source: "fluent-emoji", kind: "3D emoji from npm", found, used: labels.length, labelFiles: 0 },
    ...{ leftOut: leftOut.list(), split: null, evaluable: false, unlabelled: null },
    ...{ classes: countClasses(labels, labelNames), classesFrom: `${level}s of Unicode` },
  };
}

function groupFilter(wanted: readonly string[] | undefined, { groups }: Names): (order?: number) => boolean {
  if (!wanted) return () => true;
  const orders = wanted.map((key) => {
    const group = groups.find((candidate) => candidate.key === key);
    if (group) return group.order;
    const keys = groups.map((candidate) => candidate.key).join(", ");
    throw new RangeError(`Cannot make fluent-emoji as a group must be one of ${keys}: current group is ${key}`);
  });
  return (order) => order !== undefined && orders.includes(order);
}

/** File names are lower-case codepoints, with or without the variation selector FE0F. */
function fileOf(hexcode: string, files: ReadonlySet<string>): string | undefined {
  const code = hexcode.toLowerCase();
  const candidates = [code, code.replaceAll("-fe0f", ""), `${code}-fe0f`];
  return candidates.map((name) => `${name}.webp`).find((name) => files.has(name));
}

/** Importing a package's manifest brings the whole package into Deno's cache; its files lie beside it. */
async function loadPackages(): Promise<{ directory: string; table: readonly Emoji[]; names: Names }> {
  try {
    await import("@lobehub/fluent-emoji-3d/package.json", { with: { type: "json" } });
    const table = await import("emojibase-data/en/data.json", { with: { type: "json" } });
    const names = await import("emojibase-data/en/messages.json", { with: { type: "json" } });
    const assets = new URL("assets", import.meta.resolve("@lobehub/fluent-emoji-3d/package.json"));
    return {
      directory: hostModule("url").fileURLToPath(assets),
      table: table.default as unknown as readonly Emoji[],
      names: names.default as unknown as Names,
    };
  } catch (cause) {
    throw new Error(
      "Cannot load fluent-emoji as the npm packages @lobehub/fluent-emoji-3d and emojibase-data must be in Deno's " +
        `cache or within reach: current error is ${(cause as Error).message}`,
      { cause },
    );
  }
}
