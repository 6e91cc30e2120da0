/** @file The categories of a detector's classes: as its file of weights, an option or annotations name them. */
import { type CocoCategory, namePlaces, parseJson, readCocoSet, type StateDictFile } from "../../../data/mod.ts";

/** Bytes of the file that an option names. */
export async function optionBytes(path: string, option: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new Error(
      `Cannot read ${option} as it must be a file that can be read: current file is ${path} (${
        (cause as Error).message
      })`,
      { cause },
    );
  }
}

/** Categories of a COCO file, or names a line; `null` without a path. */
export async function categoriesIn(path: string | undefined): Promise<readonly CocoCategory[] | null> {
  if (path === undefined) return null;
  const bytes = await optionBytes(path, "--classes");
  const text = new TextDecoder().decode(bytes);
  if (text.trimStart().startsWith("{")) return readCocoSet(parseJson(bytes, path, "COCO annotations"), path).categories;
  const names = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  return names.map((name, i) => ({ id: i + 1, name }));
}

/** Names that mmdetection keeps beside the weights. */
export function namesIn({ extra }: StateDictFile): readonly CocoCategory[] | null {
  const meta = extra.get("meta");
  if (!(meta instanceof Map)) return null;
  const inner = meta.get("dataset_meta");
  const names = meta.get("CLASSES") ??
    (inner instanceof Map ? inner.get("classes") ?? inner.get("CLASSES") : undefined);
  const isNames = Array.isArray(names) && names.every((name) => typeof name === "string");
  return isNames ? names.map((name, i) => ({ id: i + 1, name })) : null;
}

/**
 * Gives each class of a detector its category.
 *
 * @param given Categories of `--classes` or of annotations, by ascending id.
 * @param saved Categories of the file of weights.
 * @param classes How many classes it tells apart.
 * @param tell Told of classes that have other names, or that `given` lacks; nobody if not given.
 * @returns One a class: where the file of weights has names, by these; else as many as given, in their order; or, where ids reach
 * up to the number of classes and some are missing, as in torchvision's detectors of COCO, by id.
 * @throws {RangeError} If neither fits.
 */
export function categoriesOf(
  given: readonly CocoCategory[] | null,
  saved: readonly CocoCategory[] | null,
  classes: number,
  tell: (line: string) => void = () => {},
): readonly CocoCategory[] {
  const named = given && saved?.length === classes ? byName(given, saved, tell) : null;
  if (named) return named;
  const categories = given ?? saved;
  if (!categories) return Array.from({ length: classes }, (_, i) => ({ id: i + 1, name: String(i + 1) }));
  if (categories.length === classes) return categories;
  const byId = new Map(categories.map((category) => [category.id, category]));
  if (categories.length < classes && categories.every(({ id }) => id >= 1 && id <= classes)) {
    return Array.from({ length: classes }, (_, i) => byId.get(i + 1) ?? { id: i + 1, name: String(i + 1) });
  }
  throw new RangeError(
    `Cannot name classes as there must be a category for each of the ${classes} of the detector, or ids from 1 to ${classes}: ` +
      `current number is ${categories.length}, with ids up to ${Math.max(...categories.map(({ id }) => id))}`,
  );
}

/** Categories by the names of classes: their ids and their order are the file's own. `null` where none has such a name. */
function byName(
  given: readonly CocoCategory[],
  saved: readonly CocoCategory[],
  tell: (line: string) => void,
): readonly CocoCategory[] | null {
  const names = saved.map(({ name }) => name);
  const places = namePlaces(names, given.map(({ name }) => name));
  const lacking = names.filter((_, k) => places[k] === undefined);
  if (lacking.length === 0) return places.map((place) => given[place!]!);
  // Names that stand where they did beside changed ones, or all changed: other names of the same classes.
  if (given.length === names.length && places.every((place, k) => place === undefined || place === k)) {
    const changed = names.flatMap((name, k) => places[k] === undefined ? [`${name} is ${given[k]!.name}`] : []);
    tell(
      `Classes have other names, taken in their order: ${changed.slice(0, 5).join(", ")}${
        changed.length > 5 ? ", …" : ""
      }`,
    );
    return given;
  }
  if (lacking.length === names.length) return null;
  const most = Math.max(...given.map(({ id }) => id));
  const own = lacking.map((name, i) => ({ id: most + 1 + i, name }));
  tell(
    `Classes of the detector that are not among those named get ids of their own: ${
      own.slice(0, 5).map(({ id, name }) => `${name} ${id}`).join(", ")
    }${own.length > 5 ? ", …" : ""}`,
  );
  const others = own.values();
  return places.map((place) => place === undefined ? others.next().value! : given[place]!);
}
