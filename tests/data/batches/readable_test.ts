import { rejects } from "node:assert/strict";
import { requireReadable } from "../../../data/batches/readable.ts";
import { encodePng } from "../../../data/images/png.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import { testImage, withFolder } from "../support.ts";

const bad = Uint8Array.of(1, 2, 3);

Deno.test("requireReadable() takes a set of which an image decodes, and names the first of one of which none does", () =>
  withFolder(
    {
      "some/0.png": bad,
      "some/1.png": encodePng(testImage(4, 4, 0)),
      "none/0.png": bad,
      "none/1.jpg": new Uint8Array(0),
    },
    async (folder) => {
      await requireReadable(await openImages(`${folder}/some`));
      await rejects(
        requireReadable(await openImages(`${folder}/none`)),
        /^Error: Cannot read the images of .*none as at least one of 2 must decode: current .*none\/0.png does not as it must be/,
      );
    },
  ));

Deno.test("requireReadable() passes on what is no broken image", async () => {
  const load = () => Promise.reject(new TypeError("boom"));
  await rejects(requireReadable({ name: "a", length: 1, nameOf: String, load }), TypeError);
});
