/** @file Every public function that takes options refuses what is no record of options, and names that it does not know. */
import { deepStrictEqual, ok, rejects, throws } from "node:assert/strict";
import * as tensor from "../../tensor/mod.ts";
import * as kernel from "../../tensor/kernel.ts";
import * as fft from "../../tensor/functions/fft/mod.ts";
import * as linalg from "../../tensor/functions/linalg/mod.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import * as sparse from "../../sparse/mod.ts";
import * as nn from "../../nn/mod.ts";
import * as spark from "../../spark/mod.ts";
import * as data from "../../data/mod.ts";

type Called = (...args: unknown[]) => unknown;
type Entry = Readonly<Record<string, unknown>>;
const ENTRIES: Readonly<Record<string, Entry>> = {
  "tensor/mod.ts": tensor,
  "tensor/kernel.ts": kernel,
  "tensor/functions/fft/mod.ts": fft,
  "tensor/functions/linalg/mod.ts": linalg,
  "tensor/functions/random/mod.ts": random,
  "sparse/mod.ts": sparse,
  "nn/mod.ts": nn,
  "spark/mod.ts": spark,
  "data/mod.ts": data,
};

/** Functions whose last parameter is a record that they work on, not options. */
const OPERANDS = new Set([
  ...["windowCount", "windowMap", "sumPoolByMap", "tuningText"], // geometry, maps, a table
  ...["coverageOf", "shapeOf", "notNormOrBias", "momentsOf", "withMoments"], // a map, tensors, states of optimizers
  ...["scoreBatch", "numbersOf", "mixBatch", "eventFileHead"], // a batch, an entry of a file, a draw, a record
  ...["decodeMask", "maskArea", "maskBounds"], // a mask
  "arange", // numbers of which some may be left out: below
  "openDevice", // hands them to the device, which knows its own
]);

/** What `deno doc` says of a parameter. */
interface Parameter {
  readonly kind: "identifier" | "assign" | "object" | "array" | "rest";
  readonly name?: string;
  readonly left?: Parameter;
}

interface Documented {
  readonly name: string;
  readonly declarations: readonly { readonly kind: string; readonly def: { readonly params?: readonly Parameter[] } }[];
}

function isOptions(parameter: Parameter): boolean {
  if (parameter.kind === "assign") return isOptions(parameter.left!);
  return parameter.kind === "object" || parameter.name === "options";
}

/** Functions whose last parameter is options, with its position, of each entry: one process tells of all. */
async function withOptions(): Promise<Readonly<Record<string, readonly (readonly [string, number])[]>>> {
  const urls = Object.keys(ENTRIES).map((entry) => new URL(`../../${entry}`, import.meta.url).href);
  const { stdout, success } = await new Deno.Command(Deno.execPath(), { args: ["doc", "--json", ...urls] }).output();
  ok(success);
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    readonly nodes: Readonly<Record<string, { readonly symbols: readonly Documented[] }>>;
  };
  const found = ({ symbols }: { readonly symbols: readonly Documented[] }) =>
    symbols.flatMap(({ name, declarations }) =>
      declarations.filter(({ kind, def }) => kind === "function" && def.params?.length && isOptions(def.params.at(-1)!))
        .map(({ def }) => [name, def.params!.length - 1] as const)
    ).filter(([name]) => !OPERANDS.has(name));
  return Object.fromEntries(Object.keys(ENTRIES).map((entry, i) => [entry, found(nodes[urls[i]!]!)]));
}

const FOUND = await withOptions();

for (const [entry, functions] of Object.entries(ENTRIES)) {
  Deno.test(`${entry}: options are records, and have known names only`, async () => {
    const found = FOUND[entry]!;
    ok(found.length > 3);
    const calls = found.map(([name, position]) => {
      const call = async (options: unknown) => {
        const result = await (functions[name] as Called)(...Array(position).fill([]), options);
        if (Symbol.asyncIterator in Object(result)) await (result as AsyncGenerator).next();
      };
      return { name, call };
    });
    const wrong: string[] = [];
    for (const { name, call } of calls) {
      for (
        const [options, message] of [[3, /options must be a record/], [
          { noSuchName: 1 },
          /current option is noSuchName/,
        ]]
      ) {
        await rejects(call(options), message as RegExp).catch(() => wrong.push(`${name}(${JSON.stringify(options)})`));
      }
    }
    deepStrictEqual(wrong, []);
  });
}

Deno.test("arange: options are a record, and have known names only", () => {
  const misspelt = { dtpye: "int32" } as object;
  throws(() => tensor.arange(3, misspelt), /current option is dtpye/);
  throws(() => tensor.arange(1, 3, misspelt), /current option is dtpye/);
  throws(() => tensor.arange(1, 3, 1, [] as object), /options must be a record/);
});
