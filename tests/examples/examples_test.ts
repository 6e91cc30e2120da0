/** @file Every example, run as a user runs it: its task is there, it ends well, and what it prints last is right. */
import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);
const TASKS = Object.entries(config.tasks).filter(([name]) => name.startsWith("example:"));

/** What an example must print: a pattern, and for its first number the least and the most. */
const PRINTS: Readonly<Record<string, readonly [pattern: RegExp, least: number, most: number]>> = {
  "example:digits": [/read right: ([\d.]+) % of 1,000 unseen digits/, 94, 100],
  "example:text": [/unseen text: ([\d.]+) bits a character/, 1, 4.4],
  "example:graph": [/side told right: (\d+) of 34 members/, 32, 34],
  "example:points": [/told right: ([\d.]+) % of 80 unseen solids/, 90, 100],
  "example:automaton": [/mean squared error after 16 steps: ([\d.]+)/, 0, 0.022],
  "example:kernel": [/largest difference from the definition ([\d.e-]+); gradients are right/, 0, 0],
};

Deno.test("every file of examples/ has a task, and stays short", async () => {
  const files = (await Array.fromAsync(Deno.readDir(new URL("examples/", ROOT)))).map(({ name }) => name)
    .filter((name) => name.endsWith(".ts")).sort();
  deepStrictEqual(TASKS.map(([, task]) => task.replace("deno run -A examples/", "")).sort(), files);
  deepStrictEqual(TASKS.map(([name]) => name).sort(), Object.keys(PRINTS).sort());
  for (const file of files) {
    const lines = (await Deno.readTextFile(new URL(`examples/${file}`, ROOT))).split("\n").length;
    ok(lines <= 150, `${file} has ${lines} lines`);
  }
});

for (const [name, task] of TASKS) {
  Deno.test(`${name} prints what it promises`, async () => {
    const args = task.replace(/^deno /, "").split(" ");
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
    const text = new TextDecoder().decode(stdout);
    equal(success, true, new TextDecoder().decode(stderr));
    const [pattern, least, most] = PRINTS[name]!;
    match(text, pattern);
    const value = Number(pattern.exec(text)![1]);
    ok(value >= least && value <= most, `${value} is not in [${least}, ${most}]`);
  });
}
