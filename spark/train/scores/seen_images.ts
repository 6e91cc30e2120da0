/** @file Images to evaluate on that are trained on: the same files, or copies of them. */
import { dataKey, type Dataset, drawsOf, ImageError } from "../../../data/mod.ts";

/** Pairs of images of one name and class that are read, to tell copies from others. */
const COMPARED = 8;

/** A file that holds images, within a path that goes on with the name of one of them. */
const PACK = /^.*?\.(?:tar|tar\.gz|tgz|zip|parquet|bin)(?=[/#])/i;

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Where images truly are, links followed; undefined for those that are called by something else than a path. */
function placesOf({ nameOf, loadScene }: Dataset): (index: number) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (index) => {
    if (loadScene) return undefined; // called by their names in the annotations
    const name = nameOf(index);
    const pack = PACK.exec(name)?.[0];
    if (pack === undefined) return realPath(name);
    if (!known.has(pack)) known.set(pack, realPath(pack));
    const real = known.get(pack);
    return real && real + name.slice(pack.length);
  };
}

function realPath(path: string): string | undefined {
  try {
    return Deno.realPathSync(path);
  } catch {
    return undefined;
  }
}

/** Images by what copies share with them: name and class. Of several of one name the first. */
function byNameAndClass({ length, nameOf, labels, labelNames }: Dataset): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (let i = length - 1; i >= 0; i--) {
    found.set(`${labels ? labelNames![labels[i]!] : ""}/${baseName(nameOf(i))}`, i);
  }
  return found;
}

/**
 * Looks for images to evaluate on that are trained on. Files are known by their place; of copies, which have the name and the
 * class of another, a few are read and compared.
 *
 * @param train Images to train on.
 * @param val Images to evaluate on.
 * @returns What was found, as a sentence; undefined where nothing was.
 */
async function seenImages(train: Dataset, val: Dataset): Promise<string | undefined> {
  const seen = sameFiles(train, val);
  if (seen.length > 0) {
    return sentence(seen.length, val, `${seen.length === 1 ? "is" : "are"} trained on too, ${example(seen, val)}`);
  }
  const known = byNameAndClass(train);
  const alike = [...byNameAndClass(val)].flatMap(([key, i]) => known.has(key) ? [[known.get(key)!, i] as const] : []);
  const step = Math.max(1, alike.length / COMPARED);
  const pairs = Array.from({ length: Math.min(COMPARED, alike.length) }, (_, i) => alike[Math.floor(i * step)]!);
  const copies: number[] = [];
  for (const [i, j] of pairs) if (await haveSamePixels(train, i, val, j)) copies.push(j);
  if (copies.length === 0) return undefined;
  return sentence(
    alike.length,
    val,
    `${
      alike.length === 1 ? "has" : "have"
    } the name and class of an image to train on; of ${pairs.length} that were compared ${copies.length} ` +
      `${copies.length === 1 ? "is a copy" : "are copies"}, ${example(copies, val)}`,
  );
}

/**
 * Says which images to evaluate on are trained on, and keeps it in their account.
 *
 * @param train Images to train on.
 * @param val Images to evaluate on.
 * @param tell Told where there are any.
 * @returns `val`, with what was said in its account.
 */
export async function withSeenImages<T extends Dataset>(
  train: Dataset,
  val: T,
  tell: (line: string) => void,
): Promise<T> {
  const seen = await seenImages(train, val);
  if (seen === undefined) return val;
  tell(`  ${seen}`);
  return val.account ? { ...val, account: { ...val.account, seen } } : val;
}

const example = ([first]: readonly number[], { nameOf }: Dataset): string => `such as ${nameOf(first!)}`;

const sentence = (count: number, { length }: Dataset, what: string): string => {
  const which = count < length
    ? `${count} of ${length} images`
    : count === 1
    ? "the only image"
    : `all ${count} images`;
  return `${which} to evaluate on ${what}: what is measured there says nothing of images that were not seen`;
};

/** Numbers of the images to evaluate on that are files to train on. */
function sameFiles(train: Dataset, val: Dataset): readonly number[] {
  const [trained, asked] = [placesOf(train), placesOf(val)];
  const names = new Set(Array.from({ length: val.length }, (_, i) => baseName(val.nameOf(i))));
  const places = new Set<string>();
  for (let i = 0; i < train.length; i++) {
    const place = names.has(baseName(train.nameOf(i))) ? trained(i) : undefined;
    if (place !== undefined) places.add(place);
  }
  if (places.size === 0) return [];
  return Array.from({ length: val.length }, (_, i) => i).filter((i) => places.has(asked(i) ?? ""));
}

/** Whether two images show the same; not where one of them cannot be read, which batches then name. */
async function haveSamePixels(a: Dataset, i: number, b: Dataset, j: number): Promise<boolean> {
  const draw = () => drawsOf(dataKey(0));
  try {
    const [one, other] = [await a.load(i, draw()), await b.load(j, draw())];
    return one.width === other.width && one.height === other.height && one.channels === other.channels &&
      one.data.every((value, k) => value === other.data[k]);
  } catch (error) {
    if (error instanceof ImageError) return false;
    throw error;
  }
}
