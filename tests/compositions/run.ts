/** @file Checks every composition of transformations over every function: `deno task compositions [device …]`. */
import process from "node:process";
import { openDevice } from "../../tensor/mod.ts";
import { allCompositions, checkOnDevice, checkOnReference } from "../support/compositions.ts";

const names = Deno.args.length > 0 ? Deno.args : ["cpu"];
const devices = await Promise.all(names.map((name) => openDevice(name)));
const all = allCompositions();
const start = performance.now();
const failures: string[] = [];
for (const composition of all) {
  try {
    const expected = await checkOnReference(composition);
    for (const device of devices) await checkOnDevice(composition, expected, device);
  } catch (error) {
    failures.push(String(error));
  }
}
devices.forEach((device) => device.close());
const seconds = ((performance.now() - start) / 1000).toFixed(0);
failures.forEach((failure) => process.stdout.write(`${failure}\n`));
process.stdout.write(
  `${all.length - failures.length} of ${all.length} compositions agree on reference, ${
    names.join(", ")
  } (${seconds} s)\n`,
);
Deno.exit(failures.length > 0 ? 1 : 0);
