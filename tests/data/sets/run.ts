/** @file `deno run -A tests/data/sets/run.ts`: the layouts of the files beside it, and what comes of each, as a table. */
import process from "node:process";
import { describeSource } from "../../../data/sets/account.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import { withFolder } from "../support.ts";
import { LAYOUTS } from "./layouts.ts";
import { MISSED_LAYOUTS } from "./missed_layouts.ts";
import { NAMED_LAYOUTS } from "./named_layouts.ts";
import { TABLE_LAYOUTS } from "./table_layouts.ts";

process.stdout.write("| layout | what comes of it |\n|---|---|\n");
for (const { name, tree, open } of [...LAYOUTS, ...TABLE_LAYOUTS, ...NAMED_LAYOUTS, ...MISSED_LAYOUTS]) {
  await withFolder(tree, async (folder) => {
    const path = open === undefined ? folder : `${folder}/${open}`;
    const said = await openImages(path).then(
      ({ account }) => describeSource(account!).map((line) => line.trim()).join("; "),
      (error: Error) => `refused: ${error.message}`,
    );
    process.stdout.write(`| ${name} | ${said.replaceAll(folder, "data")} |\n`);
  });
}
