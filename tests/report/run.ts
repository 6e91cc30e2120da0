/** @file `deno task report:check`: opens the report of a run in headless Chromium and looks at it as a reader would. */
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { testFiles } from "../data/support.ts";
import { findChromium } from "../support/chromium.ts";

const LINE = {
  task: "report:check",
  purpose:
    `Opens report.html of a run folder (or that file) in headless Chromium, from the file system: nothing may be \
fetched and
nothing may fail; curves, table and pictures must be there, the slider must show one picture after the other, a narrow
window must need no sideways scrolling, and without scripts all pictures must show. Without RUN a small training makes
one. Debian: apt-get install chromium.`,
  operands: { names: ["RUN"], least: 0 },
  options: {
    chromium: {
      kind: "text",
      placeholder: "PROGRAM",
      what: "a program",
      help: "Chromium (default: what is installed)",
    },
    screenshot: { kind: "text", placeholder: "FILE.png", what: "a file", help: "picture of the page" },
  },
} as const;

const PRETRAIN = fileURLToPath(new URL("../../spark/commands/pretrain/pretrain.ts", import.meta.url));

const counts = { passed: 0, failed: 0 };

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

function check(what: string, passed: boolean, found: unknown): void {
  counts[passed ? "passed" : "failed"]++;
  write(`${passed ? "ok    " : "FAILED"}  ${what}: ${typeof found === "string" ? found : JSON.stringify(found)}`);
}

async function programOf(given: string | undefined): Promise<string> {
  const found = await findChromium(given);
  if (found) return found;
  throw new Error(
    `Cannot open a report as Chromium must be installed (apt-get install chromium, or --chromium PROGRAM): current ` +
      `program is ${given ?? "absent"}`,
  );
}

/** A short training on small images, with five pictures. */
async function trainedRun(root: string): Promise<string> {
  await Deno.mkdir(join(root, "images"));
  for (const [name, bytes] of Object.entries(testFiles(8))) await Deno.writeFile(join(root, "images", name), bytes);
  const options = "--input-size 32 --batch-size 2 --steps 80 --save-every 20 --workers 1 --device cpu".split(" ");
  const run = join(root, "run");
  const args = ["run", "-A", PRETRAIN, ...options, "--data", join(root, "images"), "--out", run];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (success) return run;
  throw new Error(`Cannot train a model for a report: ${new TextDecoder().decode(stderr)}`);
}

/** What went wrong in a page, and what it asked for besides itself. */
function listen(page: Page, url: string): readonly string[] {
  const problems: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("requestfailed", (request) => problems.push(`failed: ${request.url().slice(0, 100)}`));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) problems.push(`request: ${request.url()}`);
  });
  return problems;
}

/** Width of the window, height of the part of a curve that is drawn, and so on: all as the browser lays it out. */
async function checkContent(page: Page): Promise<void> {
  // Runs in the page, where the types of a browser hold.
  const curves = await page.$$eval(".curves svg", (charts) =>
    charts.map((chart) => {
      const lines = [...chart.querySelectorAll('g[aria-label="line"] path')] as unknown as {
        getBBox(): DOMRectReadOnly;
      }[];
      const { width, height } = lines.map((line) => line.getBBox()).reduce((a, b) =>
        a.width * a.height > b.width * b.height ? a : b
      );
      return {
        title: chart.textContent!.match(/[A-Z][A-Za-z ]+/)?.[0],
        width: Math.round(width),
        height: Math.round(height),
      };
    }));
  check(
    "five curves are drawn",
    curves.length === 5 && curves.every(({ width, height }) => width > 300 && height > 20),
    curves,
  );
  const pictures = await page.$$eval(
    "figure.picture img",
    (images) =>
      (images as unknown as { complete: boolean; naturalWidth: number }[]).map((x) => x.complete ? x.naturalWidth : 0),
  );
  check("pictures are decoded", pictures.length > 0 && pictures.every((width) => width > 0), pictures);
  const cells = await page.$$eval("td", (found) => found.map((cell) => cell.textContent ?? ""));
  check(
    "tables have values",
    cells.length > 10 && cells.every((text) => text !== "" && !/undefined|NaN/.test(text)),
    `${cells.length} cells`,
  );
}

const shownPictures = (page: Page) =>
  page.$$eval(
    "figure.picture",
    (all) => (all as unknown as { offsetHeight: number }[]).flatMap((x, i) => x.offsetHeight > 0 ? [i] : []),
  );

/** Moves the slider by keys, as a reader may. */
async function checkSlider(page: Page): Promise<void> {
  const count = await page.locator("figure.picture").count();
  const slider = page.locator("#time");
  check("the slider is seen", await slider.isVisible(), `${count} pictures`);
  check(
    "the last picture is shown first",
    String(await shownPictures(page)) === String(count - 1),
    await shownPictures(page),
  );
  await slider.focus();
  await page.keyboard.press("Home");
  check("the slider shows the first picture", String(await shownPictures(page)) === "0", await shownPictures(page));
  await page.keyboard.press("ArrowRight");
  check("and the next", String(await shownPictures(page)) === "1", await shownPictures(page));
  await page.keyboard.press("End");
}

async function checkNarrow(page: Page): Promise<void> {
  await page.setViewportSize({ width: 390, height: 844 });
  const width = await page.evaluate(() => {
    const { document } = globalThis as unknown as { document: { documentElement: { scrollWidth: number } } };
    return document.documentElement.scrollWidth;
  });
  check("a window of 390 pixels needs no sideways scrolling", width <= 390, `${width} pixels wide`);
}

async function checkWithoutScripts(browser: Browser, url: string): Promise<void> {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(url);
  const [shown, all] = [
    await page.locator("figure.picture:visible").count(),
    await page.locator("figure.picture").count(),
  ];
  check("without scripts all pictures show", shown === all, `${shown} of ${all}`);
  await context.close();
}

async function checkReport(path: string, program: string, screenshot: string | undefined): Promise<void> {
  const url = pathToFileURL(resolve(path)).href;
  const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] }); // root has no sandbox
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const problems = listen(page, url);
    await page.goto(url);
    write(`${path} in Chromium ${browser.version()}`);
    await checkContent(page);
    await checkSlider(page);
    if (screenshot !== undefined) await page.screenshot({ path: screenshot, fullPage: true });
    await checkNarrow(page);
    check("nothing is fetched, nothing fails", problems.length === 0, problems.join("; ") || "no messages");
    await checkWithoutScripts(browser, url);
  } finally {
    await browser.close();
  }
}

/** Runs the check: exit code 0 if nothing failed. */
export const main: Command = command(LINE, async ({ chromium, screenshot }, [given]) => {
  const program = await programOf(chromium);
  const root = await Deno.makeTempDir({ prefix: "report_" });
  try {
    const run = given ?? await trainedRun(root);
    await checkReport(run.endsWith(".html") ? run : join(run, "report.html"), program, screenshot);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
  write(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
});

if (import.meta.main) await runCommand(main);
