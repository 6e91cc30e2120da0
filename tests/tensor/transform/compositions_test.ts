/** @file Compositions of transformations; `deno task compositions` checks all of them on all devices. */
import { cpuDevice } from "../../../tensor/mod.ts";
import { allCompositions, checkOnDevice, checkOnReference, type Composition } from "../../support/compositions.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

/** Every single transformation, pair and triple, each over two functions and modes that change from one to the next. */
function chosen(): readonly Composition[] {
  const all = allCompositions();
  const forms = new Set(all.map(({ names }) => names.join()));
  return [...forms].flatMap((form, i) => {
    const cases = all.filter(({ names }) => names.join() === form);
    return [cases[(5 * i) % cases.length]!, cases[(5 * i + 8) % cases.length]!];
  });
}

const CHOSEN = chosen();
const one = (share: number, first: number) => CHOSEN.filter((_, i) => i % share === first);

Deno.test("reference: single transformations, pairs and triples agree with differences", async () => {
  for (const composition of CHOSEN) await checkOnReference(composition);
});

Deno.test("cpu: a fifth of them agrees with the reference", async () => {
  const device = cpuDevice({ threads: 1 });
  for (const composition of one(5, 2)) await checkOnDevice(composition, await checkOnReference(composition), device);
  device.close();
});

testWebgpu("webgpu: some of all kinds agree with the reference", async (device) => {
  for (const composition of one(20, 7)) await checkOnDevice(composition, await checkOnReference(composition), device);
});
