/** @file Images of classes, for commands that ranks share. */
import { join } from "node:path";
import { testFiles } from "../../../data/support.ts";

/** Makes a folder with images of two classes, to train and to be evaluated on. */
export async function makeClasses(): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const place of ["train/even", "train/odd", "val/even", "val/odd"]) {
    await Deno.mkdir(join(folder, place), { recursive: true });
  }
  for (const [i, [name, bytes]] of Object.entries(testFiles(6)).entries()) {
    const of = i % 2 === 0 ? "even" : "odd";
    await Deno.writeFile(join(folder, "train", of, name), bytes);
    if (i < 2) await Deno.writeFile(join(folder, "val", of, name), bytes);
  }
  return folder;
}
