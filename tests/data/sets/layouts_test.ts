import { deepStrictEqual, equal, match, rejects } from "node:assert/strict";
import { describeSource } from "../../../data/sets/account.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import { withFolder } from "../support.ts";
import { LAYOUTS } from "./layouts.ts";
import { MISSED_LAYOUTS } from "./missed_layouts.ts";
import { NAMED_LAYOUTS } from "./named_layouts.ts";
import { TABLE_LAYOUTS } from "./table_layouts.ts";

for (const { name, tree, open, gives } of [...LAYOUTS, ...TABLE_LAYOUTS, ...NAMED_LAYOUTS, ...MISSED_LAYOUTS]) {
  Deno.test(`openImages() of ${name}`, () =>
    withFolder(tree, async (folder) => {
      const path = open === undefined ? folder : `${folder}/${open}`;
      if (gives instanceof RegExp) return await rejects(openImages(path), gives);
      const dataset = await openImages(path);
      const { account } = dataset;
      const lines = describeSource(account!).join("\n");
      deepStrictEqual([dataset.length, dataset.labelNames ?? null, account!.split], [
        gives.used,
        gives.classes,
        gives.split ?? null,
      ]);
      if (gives.says) match(lines, gives.says);
      // Every file is accounted for, once, and every image is read.
      const left = account!.leftOut.reduce((sum, { count }) => sum + count, 0);
      equal(account!.found, account!.used + account!.labelFiles + left);
      for (let i = 0; i < dataset.length; i++) equal((await dataset.load(i, () => 0)).width, 12);
      if (gives.val === undefined) return;
      const val = await openImages(path, { split: "val", classes: dataset.labelNames ?? [] });
      deepStrictEqual([val.length, val.account!.split === account!.split], [gives.val, false]);
    }));
}
