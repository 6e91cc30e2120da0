/** @file Tries every law many times: `deno task laws [--runs 1000] [--seed 1]`. */
import process from "node:process";
import { parseArgs } from "node:util";
import fc from "fast-check";
import { cpuDevice } from "../../tensor/mod.ts";
import { compiledLaw, LAWS } from "./laws.ts";

const { values: options } = parseArgs({
  options: { runs: { type: "string", default: "1000" }, seed: { type: "string", default: "1" } },
});
const device = cpuDevice();
const settings = { numRuns: Number(options.runs), seed: Number(options.seed) };
const laws = { ...LAWS, "what the cpu compiles is the function": compiledLaw(device) };
const failed: string[] = [];
for (const [name, law] of Object.entries(laws)) {
  const start = performance.now();
  const found = await fc.check(law, settings);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${found.failed ? "✗" : "✓"} ${name}: ${found.numRuns} runs (${seconds} s)\n`);
  if (found.failed) failed.push(`${name}: ${fc.defaultReportMessage(found)}`);
}
device.close();
failed.forEach((text) => process.stdout.write(`${text}\n`));
process.exitCode = failed.length > 0 ? 1 : 0;
