import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import type { Tensor } from "../../../tensor/mod.ts";
import { stepSizes } from "../../../bench/step_options.ts";
import { programOf } from "../../../spark/commands/shared/program.ts";

const HERE = new URL("../../../mod.ts", import.meta.url).href;

async function withModule(text: string, run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/mine.ts`, text);
    await run(`${folder}/mine.ts`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const NO_STEP = { model: null };

Deno.test("programOf() takes a module's function and its arguments, as a list or made", async () => {
  for (const args of ["[tensor([2, 3])]", "async () => [tensor([2, 3])]"]) {
    const text = `import { square, tensor } from "${HERE}";\nexport default square;\nexport const args = ${args};\n`;
    await withModule(text, async (path) => {
      const program = await programOf(path, NO_STEP);
      equal(program.name, path);
      deepStrictEqual(await (program.f(...program.args) as Tensor).data(), new Float32Array([4, 9]));
    });
  }
});

Deno.test("programOf() says what a module lacks, and refuses a step beside a file", async () => {
  await withModule(
    "export const args = [];\n",
    (path) => rejects(programOf(path, NO_STEP), /must export a function by default: current default is undefined/),
  );
  await withModule(
    "export default () => null;\n",
    (path) => rejects(programOf(path, NO_STEP), /must export args, .*: current args is undefined/),
  );
  await rejects(programOf("nowhere.ts", NO_STEP), /must be a file that is there: current file is absent/);
  await rejects(programOf("nowhere.ts", { ...NO_STEP, batchSize: 3 }), /current batchSize is 3/);
});

Deno.test("programOf() makes a training step of a model where no file is named", async () => {
  const { name, args } = await programOf(undefined, { model: null, inputSize: [64, 64], batchSize: 1 });
  equal(name, "tiny_resnet8 at 64×64, batch 1, decoder width 64");
  deepStrictEqual((args[1] as Tensor).shape, [1, 64, 64, 3]);
});

Deno.test("stepSizes() are those of the model's recipe, but for what is given", () => {
  const sizes = (given: Parameters<typeof stepSizes>[0]) => {
    const { model, inputSize, decoderWidth } = stepSizes(given);
    return [model.name, inputSize, decoderWidth];
  };
  deepStrictEqual(sizes({ model: "mini_resnet8" }), ["mini_resnet8", 32, 32]);
  deepStrictEqual(sizes({ model: "tiny_resnet8" }), ["tiny_resnet8", 96, 64]);
  deepStrictEqual(sizes({ model: "resnet50" }), ["resnet50", 224, 768]);
  deepStrictEqual(sizes({ model: "mini_resnet8", inputSize: 64, decoderWidth: 16 }), ["mini_resnet8", 64, 16]);
});
