import { deepStrictEqual, equal } from "node:assert/strict";
import { kernelCache } from "../../../../spark/train/fast_cpu/kernel_cache.ts";
import { withFolder } from "../../../data/support.ts";

const MODULE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0); // an empty one
const files = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);

Deno.test("A kernel is found again by its text, in another process as here", () =>
  withFolder({}, (folder) => {
    kernelCache(`${folder}/new`).set("a", MODULE);
    const other = kernelCache(`${folder}/new`);
    deepStrictEqual([other.get("a"), other.get("b")], [MODULE, undefined]);
    equal(files(`${folder}/new`).length, 1);
  }));

Deno.test("A file that is damaged or short counts as none, and is written anew", () =>
  withFolder({}, (folder) => {
    const cache = kernelCache(folder);
    cache.set("a", MODULE);
    const [path] = files(folder) as [string];
    const whole = Deno.readFileSync(path);
    for (
      const damaged of [
        whole.with(-1, 7),
        whole.with(0, whole[0]! ^ 1),
        whole.slice(0, 20),
        whole.slice(0, 32),
        new Uint8Array(),
      ]
    ) {
      Deno.writeFileSync(path, Uint8Array.from(damaged));
      equal(kernelCache(folder).get("a"), undefined, `${damaged.length} bytes`);
    }
    cache.set("a", MODULE);
    deepStrictEqual(kernelCache(folder).get("a"), MODULE);
  }));

Deno.test("A folder that cannot be made is done without", () =>
  withFolder({}, (folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    const cache = () => kernelCache(`${folder}/file/below`);
    cache().set("a", MODULE);
    equal(cache().get("a"), undefined);
  }));

Deno.test("A folder with too many files keeps those written last", () =>
  withFolder({}, (folder) => {
    for (let i = 0; i < 16385; i++) {
      Deno.writeTextFileSync(`${folder}/${i}.wasm`, "");
      Deno.utimeSync(`${folder}/${i}.wasm`, i, i);
    }
    kernelCache(folder).set("a", MODULE);
    const left = files(folder);
    equal(left.length, 8193);
    equal(left.some((path) => path.endsWith("/8192.wasm")), false);
    equal(left.some((path) => path.endsWith("/8193.wasm")), true);
  }));

Deno.test("A folder with too many bytes keeps those written last", () =>
  withFolder({}, (folder) => {
    for (let i = 0; i < 5; i++) {
      Deno.createSync(`${folder}/${i}.kept`).close();
      Deno.truncateSync(`${folder}/${i}.kept`, 2 ** 27); // takes no room on the disk
      Deno.utimeSync(`${folder}/${i}.kept`, i, i);
    }
    kernelCache(folder).set("a", MODULE);
    deepStrictEqual(
      files(folder).filter((path) => path.endsWith(".kept")).sort(),
      ["3", "4"].map((i) => `${folder}/${i}.kept`),
    );
  }));

/** What a program with a cache has printed. */
interface Ran {
  readonly values: readonly number[];
  /** True if a kernel was assembled, and if the text of one was written. */
  readonly assembled: boolean;
  readonly written: boolean;
  /** Programs that were planned. */
  readonly planned: number;
}

/** Runs a program with a cache in a process of its own, where so many other objects were numbered before. */
async function runWith(folder: string, objects = 0): Promise<Ran> {
  const script = new URL("./cached_program.ts", import.meta.url).pathname;
  const args = ["run", "-A", "--no-check", "--quiet", script, folder, `${objects}`];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

const KEPT = { assembled: false, written: false, planned: 0 };

Deno.test("A second process plans, writes and assembles nothing and has the same bits; one with a damaged file does again", () =>
  withFolder({}, async (folder) => {
    const first = await runWith(folder);
    deepStrictEqual(first, { ...first, assembled: true, written: true, planned: 1 });
    deepStrictEqual(await runWith(folder, 100), { ...first, ...KEPT });
    const paths = files(folder);
    const ofKind = (ending: string) => paths.filter((path) => path.endsWith(ending));
    const sizes = ofKind(".kept").map((path) => [Deno.statSync(path).size, path] as const).sort(([a], [b]) => b - a);
    const [program, kernel] = sizes.map(([, path]) => path) as [string, string];
    equal(ofKind(".wasm").length + sizes.length, paths.length);
    const cases = [
      [ofKind(".wasm")[0]!, { assembled: true, written: true, planned: 1 }],
      [program, { ...KEPT, planned: 1 }],
      [kernel, KEPT],
    ] as const;
    for (const [damaged, ran] of cases) {
      Deno.writeTextFileSync(damaged, "damaged");
      deepStrictEqual(await runWith(folder), { ...first, ...ran }, damaged);
      deepStrictEqual(await runWith(folder), { ...first, ...KEPT });
    }
    ofKind(".kept").forEach((path) => Deno.removeSync(path));
    deepStrictEqual(await runWith(folder), { ...first, assembled: false }, "texts find their modules");
    deepStrictEqual(files(folder).sort(), paths.sort());
  }));

Deno.test("Processes that write at the same time all end with whole files", () =>
  withFolder({}, async (folder) => {
    const all = await Promise.all(Array.from({ length: 4 }, () => runWith(folder)));
    all.forEach(({ values }) => deepStrictEqual(values, all[0]!.values));
    deepStrictEqual(await runWith(folder), { ...all[0]!, ...KEPT });
    deepStrictEqual(files(folder).filter((path) => !/\.(wasm|kept)$/.test(path)), []);
  }));

Deno.test("Modules of the program that came next are found by those of the one before, in another process as here", () =>
  withFolder({}, (folder) => {
    const module = (i: number) => Uint8Array.from([...MODULE, 0, 2, 1, i]); // with a section of its own
    const texts = ["a", "b", "c", "d"];
    const before = kernelCache(folder);
    const [a, b, c, d] = texts.map((text, i) => {
      before.set(text, module(i));
      return before.get(text)!;
    }) as [Uint8Array<ArrayBuffer>, ...Uint8Array<ArrayBuffer>[]];
    before.setNext!([a, b!], [c!, d!]);
    const after = kernelCache(folder);
    const program = ["a", "b"].map((text) => after.get(text)!);
    const next = after.next!(program);
    deepStrictEqual(next, [module(2), module(3)]);
    equal(after.get("c"), next[0], "read once");
    deepStrictEqual(after.next!(program.toReversed()), []);
    Deno.writeTextFileSync(files(folder).find((path) => path.endsWith(".next"))!, "damaged");
    deepStrictEqual(after.next!(program), []);
  }));

Deno.test("What a command began with is found by the same command alone", () =>
  withFolder({}, (folder) => {
    kernelCache(folder).set("a", MODULE);
    const cache = kernelCache(folder);
    cache.setNext!([], [cache.get("a")!]);
    deepStrictEqual(kernelCache(folder).next!([]), [MODULE]);
    const script = `
      import { kernelCache } from ${
      JSON.stringify(import.meta.resolve("../../../../spark/train/fast_cpu/kernel_cache.ts"))
    };
      console.log(kernelCache(${JSON.stringify(folder)}).next([]).length);`;
    const { stdout } = new Deno.Command(Deno.execPath(), { args: ["eval", "--no-check", script] }).outputSync();
    equal(new TextDecoder().decode(stdout).trim(), "0");
  }));
