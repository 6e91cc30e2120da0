/** @file Programs of a newcomer: their numbers are another library's, and they are no longer than in JAX. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { defaultDevice, type Device, type Tensor } from "../../tensor/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { testWebgpu } from "../support/device_or_skip.ts";
import golden from "../golden/programs.json" with { type: "json" };

const ANSWERS = golden as unknown as Readonly<
  Record<string, readonly { readonly shape: readonly number[]; readonly values: readonly (number | string)[] }[]>
>;
/** At most so many lines for each of JAX's. */
const RATIO = 1.3;
/** Programs whose kernels are texts for a GPU. */
const ON_WEBGPU: readonly string[] = ["own_kernel"];

const textOf = (file: string) => Deno.readTextFileSync(new URL(file, import.meta.url));

/** Lines that hold a program: neither empty nor a comment. */
const linesOf = (text: string, comment: string) =>
  text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith(comment)).length;

async function check(name: string, device: Device): Promise<void> {
  const { result } = await import(new URL(`${name}.ts`, import.meta.url).href) as {
    readonly result: readonly Tensor[];
  };
  const answers = ANSWERS[name]!;
  deepStrictEqual(result.map(({ shape }) => shape), answers.map(({ shape }) => shape));
  for (const [i, { values }] of answers.entries()) {
    const wanted = values.map((value) => typeof value === "string" ? Number(value.replace("inf", "Infinity")) : value);
    assertClose(await result[i]!.data({ device }), wanted, { absolute: 2e-5, relative: 2e-4 }, `result ${i}`);
  }
}

for (const name of Object.keys(ANSWERS)) {
  const title = `${name}: the numbers of NumPy and PyTorch`;
  if (ON_WEBGPU.includes(name)) testWebgpu(title, (device) => check(name, device));
  else Deno.test(title, () => check(name, defaultDevice()));
}

Deno.test("Every program has one of JAX's beside it, and at most 1.3 lines for each of its lines", () => {
  const files = [...Deno.readDirSync(new URL(".", import.meta.url))].map(({ name }) => name);
  const programs = files.filter((file) => file.endsWith(".ts") && !file.endsWith("_test.ts"));
  deepStrictEqual(programs.map((file) => file.slice(0, -3)).sort(), Object.keys(ANSWERS).sort());
  for (const name of Object.keys(ANSWERS)) {
    const [ours, theirs] = [linesOf(textOf(`${name}.ts`), "//"), linesOf(textOf(`${name}.jax.txt`), "#")];
    ok(ours <= RATIO * theirs, `${name} has ${ours} lines, JAX's ${theirs}`);
  }
});

Deno.test("Programs import what is public and nothing else", () => {
  for (const name of Object.keys(ANSWERS)) {
    const imports = [...textOf(`${name}.ts`).matchAll(/from "([^"]*)"/g)].map(([, path]) => path!);
    deepStrictEqual(imports.filter((path) => !path.startsWith("@tessera/tessera")), [], name);
  }
});
