/** @file `deno run -A tests/data/sets/run.ts`: the layouts of layouts.ts and table_layouts.ts, and what comes of each, as a table. */
import process from "node:process";
import { describeSource } from "../../../data/sets/account.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import { withFolder } from "../support.ts";
import { LAYOUTS } from "./layouts.ts";
import { TABLE_LAYOUTS } from "./table_layouts.ts";

process.stdout.write("| layout | what comes of it |\n|---|---|\n");
for (const { name, tree, open } of [...LAYOUTS, ...TABLE_LAYOUTS]) {
  await withFolder(tree, async (folder) => {
    const path = open === undefined ? folder : `${folder}/${open}`;
    const said = await openImages(path).then(
      ({ account }) => describeSource(account!).map((line) => line.trim()).join("; "),
      (error: Error) => `refused: ${error.message}`,
    );
    process.stdout.write(`| ${name} | ${said.replaceAll(folder, "data")} |\n`);
  });
}
