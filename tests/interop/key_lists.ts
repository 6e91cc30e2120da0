/** @file Compares the names, shapes, types and optimizer groups of all models with lists of the official implementation. */
import { random } from "../../tensor/mod.ts";
import type { StateDictFile } from "../../data/mod.ts";
import { initParams, officialEntries, type OfficialEntry, renameWeight, WEIGHT_NAMINGS } from "../../spark/mod.ts";
import { backboneEntries } from "../../spark/mod.ts";
import { holdsBackbone } from "../../spark/weights/load_backbone.ts";
import { optimizerOrder } from "../../spark/weights/load_weights.ts";
import { matchWeights } from "../../spark/weights/weight_source.ts";
import { MODELS } from "../../spark/train/model_table.ts";

interface Row {
  readonly key: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  /** `decay`, `no_decay`, `-` for buffers; absent in lists of backbones. */
  readonly group?: string;
}

function rowsOf(text: string): readonly Row[] {
  return text.trimEnd().split("\n").slice(1).map((line) => {
    const [key, shape, dtype, , group] = line.split("\t");
    return { key: key!, shape: JSON.parse(shape!), dtype: dtype!, ...(group ? { group } : {}) };
  });
}

const groupOf = ({ kind, decays }: OfficialEntry) => kind === "buffer" ? "-" : decays ? "decay" : "no_decay";

/** A file of these names and shapes, whose values are never read. */
function fileOf(rows: readonly Row[], path: string): StateDictFile {
  const data = new Float32Array(0);
  const tensors = Object.fromEntries(rows.map(({ key, shape }) => [key, { dtype: "F32" as const, shape, data }]));
  return {
    path,
    container: "pth",
    tensors,
    values: new Map(),
    extra: new Map(),
    set: "",
    sets: [""],
    passedOver: new Map(),
  };
}

/** Problems of one list, both directions; none if the lists agree one for one. */
function problemsOf(name: string, size: number | null, rows: readonly Row[]): readonly string[] {
  const model = MODELS[name]!.make();
  const isFull = size !== null;
  const entries = isFull
    ? officialEntries(initParams(model, random.key(0)), { inputSize: [size, size] })
    : backboneEntries(model.init(random.key(0)));
  const written = entries.map((entry): Row => ({
    key: entry.key,
    shape: entry.shape,
    dtype: entry.dtype,
    ...(isFull ? { group: groupOf(entry) } : {}),
  }));
  const problems: string[] = [];
  const length = Math.max(written.length, rows.length);
  for (let i = 0; i < length; i++) {
    if (JSON.stringify(written[i]) === JSON.stringify(rows[i])) continue;
    problems.push(`row ${i}: ${JSON.stringify(written[i])} for ${JSON.stringify(rows[i])}`);
  }
  const file = fileOf(rows, `${name}.pth`);
  if (!holdsBackbone(file, model)) problems.push("the backbone does not load");
  if (isFull) {
    const source = matchWeights(file, entries, { model: name, own: [""] });
    const read = new Set(entries.filter(source.has).map(source.keyOf));
    const unread = rows.filter((row) => !read.has(row.key));
    if (unread.length > 0) problems.push(`not read: ${unread[0]!.key} and ${unread.length - 1} more`);
    const order = ["decay", "no_decay"].flatMap((group) =>
      rows.filter((row) => row.group === group).map((row) => row.key)
    );
    if (JSON.stringify(optimizerOrder(entries).map((entry) => entry.key)) !== JSON.stringify(order)) {
      problems.push("the optimizer's order differs");
    }
  }
  return problems;
}

/**
 * Compares all lists of a folder, `MODEL_SIZE_withdecoder.txt` and `MODEL_backbone_only.txt`.
 *
 * @param folder Where the lists lie.
 * @param write Prints a line.
 * @returns Number of lists that differ.
 */
export async function compareKeyLists(folder: string, write: (line: string) => void): Promise<number> {
  let failed = 0;
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".txt")).sort();
  for (const file of files) {
    const [, name, size] = /^(.*)_(?:(\d+)_withdecoder|backbone_only)\.txt$/.exec(file) ?? [];
    if (!name || !(name in MODELS)) continue;
    const rows = rowsOf(await Deno.readTextFile(`${folder}/${file}`));
    const problems = problemsOf(name, size ? Number(size) : null, rows);
    if (problems.length > 0) failed++;
    const groups = size
      ? `, groups ${["decay", "no_decay"].map((g) => rows.filter((row) => row.group === g).length).join(" / ")}`
      : "";
    write(
      `${problems.length === 0 ? "ok    " : "FAILED"}  ${file}: ${rows.length} keys${groups} ${problems[0] ?? ""}`
        .trimEnd(),
    );
    const others = size ? [] : WEIGHT_NAMINGS.filter((naming) => naming !== "detectron2" || name.startsWith("resnet"));
    for (const naming of others) {
      const renamed = rows.map((row) => ({ ...row, key: renameWeight(row.key, naming), shape: shapeOf(row, naming) }));
      const fits = new Set(renamed.map(({ key }) => key)).size === rows.length &&
        holdsBackbone(fileOf(renamed, file), MODELS[name]!.make());
      if (!fits) failed++;
      write(`${fits ? "ok    " : "FAILED"}  ${file} as ${naming}: ${rows.length} names there and back`);
    }
  }
  return failed;
}

const shapeOf = ({ key, shape }: Row, naming: string) =>
  naming === "torchvision" && key.endsWith(".gamma") ? [...shape, 1, 1] : shape;
