/** @file Checks every composition of transformations over every function: `deno task compositions [device …]`. */
import process from "node:process";
import { openDevice, referenceDevice } from "../../tensor/mod.ts";
import { checkCompositions } from "../support/check_compositions.ts";
import { compositionsOf } from "../support/compositions.ts";

const names = Deno.args.length > 0 ? Deno.args : ["cpu"];
const devices = await Promise.all(names.map((name) => openDevice(name)));
const start = performance.now();
const { count, failures } = await checkCompositions(compositionsOf(), [referenceDevice(), ...devices]);
devices.forEach((device) => device.close());
const seconds = ((performance.now() - start) / 1000).toFixed(0);
failures.forEach((failure) => process.stdout.write(`${failure}\n`));
process.stdout.write(
  `${count} compositions on reference, ${names.join(", ")}: ${failures.length} failures (${seconds} s)\n`,
);
Deno.exit(failures.length > 0 ? 1 : 0);
