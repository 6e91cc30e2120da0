/**
 * @file The npm tarball as its users have it: installed by npm, run by Node, type-checked, bundled by esbuild and by Vite without a
 * shim or an alias, and the bundles opened in headless Chromium, with and without shared memory, and on WebGPU.
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { type Browser, chromium } from "playwright-core";
import { jit, matmul, mean, random, square, sub, type Tensor, valueAndGrad } from "../../tensor/mod.ts";
import { packForNpm } from "./npm_package.ts";
import { withFolder } from "../data/support.ts";
import { assertClose } from "../support/assert_close.ts";
import { findChromium } from "../support/chromium.ts";

const SITE = new URL("./site/", import.meta.url);
const required = Deno.env.get("REQUIRE_CHROMIUM") === "1";
const program = await findChromium();
const hasNpm = await new Deno.Command("npm", { args: ["--version"] }).output().then(
  ({ success }) => success,
  () => false,
);

/** Pages, and bounds of what each loads, in bytes after gzip. What they do stands in their first lines. */
const BOUNDS = { webgpu: 53_600, classifier: 58_900, layers: 61_800, convolutions: 59_700, page: 139_600 };
type Page = keyof typeof BOUNDS;
const PAGES = Object.keys(BOUNDS) as readonly Page[];

/** Milliseconds after which a page or the browser counts as hanging, however busy the machine. */
const PATIENCE = 300_000;

/** Why this cannot run here; empty if it can. */
function reasonToSkip(): string {
  if (required) return "";
  const missing = [...hasNpm ? [] : ["npm: install Node 22"], ...program ? [] : ["Chromium: apt-get install chromium"]];
  return missing.join("; ");
}

async function run(cwd: string, program: string, ...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  ok(success, `${program} ${args.join(" ")}: ${out}${error}`);
  return out!;
}

/** A folder with the tarball and the tools installed. */
async function install(folder: string): Promise<void> {
  await packForNpm(`${folder}/tessera.tgz`);
  for (const { name } of Deno.readDirSync(SITE)) await Deno.copyFile(new URL(name, SITE), `${folder}/${name}`);
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ type: "module", private: true }));
  await run(
    folder,
    "npm",
    "install",
    "--fetch-retries=5",
    "--no-audit",
    "--no-fund",
    "./tessera.tgz",
    "esbuild@0.28",
    "vite@8",
    "node@22",
  );
}

/** The numbers that Node and pages must find. */
async function expected(): Promise<{ readonly value: number; readonly first: number }> {
  const [x, w] = [random.normal(random.key(0), [64, 128]), random.normal(random.key(1), [128, 32])];
  const loss = (w: Tensor, x: Tensor) => mean(square(sub(matmul(x, w), 1)));
  const [value, gradient] = jit(valueAndGrad(loss))(w, x);
  return { value: await value.item(), first: (await gradient.data())[0]! };
}

interface Found {
  readonly value: number;
  readonly first: number;
}

function assertFound(found: Found, wanted: Found): void {
  assertClose([found.value, found.first], [wanted.value, wanted.first], { relative: 1e-4, absolute: 1e-6 });
}

const gzipped = (bytes: Uint8Array) => gzipSync(bytes, { level: 9 }).length;

/** Serves a folder; `isolated` with the headers that let a page share memory. */
function serve(folder: string, isolated: boolean): Deno.HttpServer<Deno.NetAddr> {
  const policy = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
  return Deno.serve({ port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const name = pathname === "/" ? "/index.html" : pathname;
    const type = name.endsWith(".html") ? "text/html" : "text/javascript";
    const file = await Deno.readFile(folder + name).catch(() => null);
    if (!file) return new Response("", { status: 404 });
    return new Response(file, { headers: { "content-type": type, ...isolated ? policy : {} } });
  });
}

/** Opens a page and waits for the object that it writes. */
async function open(
  browser: Browser,
  folder: string,
  path: string,
  isolated = false,
): Promise<Found & { shared?: boolean }> {
  const server = serve(folder, isolated);
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  try {
    await page.goto(`http://localhost:${server.addr.port}${path}`);
    await page.waitForFunction('document.body.textContent.startsWith("{")', undefined);
    const found = JSON.parse((await page.textContent("body"))!);
    deepStrictEqual(found.error, undefined);
    return found;
  } finally {
    await page.close();
    await server.shutdown();
  }
}

/** Bundles for pages, without an alias and without a shim; gives the bytes of each page after gzip. */
async function bundle(folder: string): Promise<Readonly<Record<Page, number>>> {
  const esbuild = (...args: readonly string[]) => run(folder, "node_modules/.bin/esbuild", ...args);
  const options = ["--bundle", "--minify", "--format=esm", "--charset=utf8"];
  await esbuild(...PAGES.map((name) => `${name}.js`), ...options, "--outdir=esbuild");
  const html = (script: string) =>
    `<!doctype html><html><meta charset="utf-8"><body></body><script type="module" src="${script}"></script></html>`;
  await Deno.writeTextFile(`${folder}/esbuild/index.html`, html("/page.js"));
  for (const name of PAGES) await Deno.writeTextFile(`${folder}/esbuild/${name}.html`, html(`/${name}.js`));
  await Deno.writeTextFile(`${folder}/index.html`, html("/page.js"));
  await Deno.writeTextFile(`${folder}/vite.config.js`, 'export default { build: { target: "esnext" } };');
  await run(folder, "node_modules/.bin/node", "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn");
  const size = async (name: Page) => [name, gzipped(await Deno.readFile(`${folder}/esbuild/${name}.js`))] as const;
  return Object.fromEntries(await Promise.all(PAGES.map(size))) as Record<Page, number>;
}

/** Pages with all devices, as a bundler left them. */
async function checkDevices(t: Deno.TestContext, browser: Browser, wanted: Found, folder: string, name: string) {
  for (const isolated of [true, false]) {
    await t.step(`${name}: WebAssembly ${isolated ? "with" : "without"} shared memory`, async () => {
      const found = await open(browser, folder, "/?device=cpu", isolated);
      deepStrictEqual(found.shared, isolated);
      assertFound(found, wanted);
    });
  }
  await t.step(`${name}: WebGPU`, async () => {
    assertFound(await open(browser, folder, "/?device=webgpu"), wanted);
  });
}

/** Pages of the core bundle, which train. */
async function checkTraining(t: Deno.TestContext, browser: Browser, folder: string) {
  await t.step("the page of the core bundle trains", async () => {
    const found = await open(browser, folder, "/webgpu.html") as unknown as { value: number; w: number[] };
    assertClose([found.value, ...found.w], [2.5, 0.7, 1], { relative: 1e-5, absolute: 1e-6 });
  });
  for (const name of ["classifier", "layers", "convolutions"] as const) {
    await t.step(`a page of the core bundle learns from random weights: ${name}`, async () => {
      const found = await open(browser, folder, `/${name}.html`) as unknown as { first: number; last: number };
      ok(found.first > 0.7 && found.last < 0.1, `loss ${found.first} to ${found.last}`);
    });
  }
}

const reason = reasonToSkip();
Deno.test({
  name: `the npm tarball in Node, esbuild, Vite and Chromium${reason && ` (${reason})`}`,
  ignore: reason !== "",
  fn: (t) =>
    withFolder({}, async (folder) => {
      const wanted = await expected();
      await install(folder);
      await t.step("Node 22 computes in threads", async () => {
        const found = JSON.parse(await run(folder, "node_modules/.bin/node", "node.mjs"));
        assertFound(found, wanted);
        deepStrictEqual([found.kept, found.layer], [[128, 32], [2, 3]]);
      });
      await t.step("its types are there", async () => {
        await run(folder, Deno.execPath(), "check", "--node-modules-dir=manual", "types.ts");
      });
      const sizes = await bundle(folder);
      await t.step("a page loads no more than is promised", () => {
        for (const name of PAGES) ok(sizes[name] <= BOUNDS[name], `${name}: ${sizes[name]} bytes`);
      });
      const args = ["--no-sandbox", "--enable-unsafe-webgpu"];
      const browser = await chromium.launch({ executablePath: program!, args, timeout: PATIENCE });
      try {
        for (const name of ["esbuild", "dist"]) await checkDevices(t, browser, wanted, `${folder}/${name}`, name);
        await checkTraining(t, browser, `${folder}/esbuild`);
      } finally {
        await browser.close();
      }
    }),
});
