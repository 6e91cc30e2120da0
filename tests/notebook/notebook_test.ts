/** @file The notebook of the documentation, cell by cell, and how tensors are shown. */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { jit, tensor } from "../../tensor/mod.ts";
import { displayOf } from "../../tensor/display.ts";
import { runNotebook } from "./run_notebook.ts";

Deno.test("each cell of the notebook runs, and its tensors show as tables and images", async () => {
  const cells = (await runNotebook(new URL("../../docs/notebook.ipynb", import.meta.url))).filter(({ kind }) =>
    kind === "code"
  );
  const shown = cells.map(({ shown }) => shown?.["text/html"] ?? "");
  deepStrictEqual(
    shown.map((html) => html.includes("<table>") ? "table" : html.includes("<img") ? "image" : "nothing"),
    [
      ...["table", "table", "table"],
      ...["image", "image", "image"],
    ],
  );
  match(shown[1]!, /<td[^>]*>108<\/td>/); // 3 · 6²
  match(shown[4]!, /from -0\.\d+ to 0\.\d+/);
});

Deno.test("large tables end in dots, and tensors of more axes are tables by their place", async () => {
  const html = async (x: Parameters<typeof displayOf>[0]) => (await displayOf(x))["text/html"]!;
  deepStrictEqual((await html(tensor(new Float32Array(40)))).match(/<td/g)!.length, 13);
  const cube = await html(tensor([[[1, 2]], [[3, 4]]], { dtype: "int32" }));
  match(cube, /\[1, :, :\].*>3<.*>4</s);
  match(await html(tensor([true, false])), />true<.*>false</s);
  match(await html(tensor(2.5)), />2\.5</);
});

Deno.test("an image has the colours of its values, and what is no number is magenta", async () => {
  const values = new Float32Array(8 * 8 * 3).fill(0.5);
  values.set([1, 0, 0, NaN, 0, 0]);
  const html = (await displayOf(tensor(values, { shape: [8, 8, 3] })))["text/html"]!;
  const file = Uint8Array.from(atob(/base64,([^"]+)/.exec(html)![1]!), (letter) => letter.charCodeAt(0));
  deepStrictEqual([...file.subarray(122, 134)], [0, 0, 255, 255, 255, 0, 255, 255, 128, 128, 128, 255]);
  ok(html.includes('width="160" height="160"'));
});

Deno.test("a tensor without values is shown as its text", async () => {
  const seen: Promise<Readonly<Record<string, string>>>[] = [];
  jit((x: ReturnType<typeof tensor>) => {
    seen.push(displayOf(x));
    return x;
  })(tensor([1]));
  deepStrictEqual(Object.keys(await seen[0]!), ["text/plain"]);
});
