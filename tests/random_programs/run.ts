/** @file `deno task programs`: many random programs, compared between devices and with differences. */
// deno-lint-ignore-file no-console
import { parseArgs } from "node:util";
import { openDevice } from "../../tensor/mod.ts";
import { wholeNumber } from "../support/whole_number.ts";
import { checkSeed } from "./check.ts";

const HELP = `deno task programs [--count 5000] [--first 0] [--device cpu|webgpu]

Draws programs from seeds and compares their values and gradients, lazy and compiled, with the float64 reference; every third
also with differences. A program that fails is printed as small as it fails. Exits 1 if one does.`;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "5000" },
    first: { type: "string", default: "0" },
    device: { type: "string", default: "cpu" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
} else {
  const [count, first] = [wholeNumber("--count", values.count), wholeNumber("--first", values.first)];
  const device = await openDevice(values.device);
  let failed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const failure = await checkSeed(seed, [device]);
    if (failure) console.log(`${failure}\n`);
    failed += failure ? 1 : 0;
  }
  device.close();
  console.log(`${count - failed} passed, ${failed} failed`);
  Deno.exitCode = failed > 0 ? 1 : 0;
}
