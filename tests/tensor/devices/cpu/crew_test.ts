import { deepStrictEqual, equal } from "node:assert/strict";
import { CREW, crewText } from "../../../../tensor/devices/cpu/runtime/crew.ts";

Deno.test("The text of the crew is the crew: it needs nothing that is not in it", () => {
  const read = new Function(`return ${crewText()};`)() as typeof CREW;
  deepStrictEqual(Object.keys(read), Object.keys(CREW));
  const words = new Int32Array(new SharedArrayBuffer(64));
  equal(read.takePart(words, 100, 2)!.join(), "0,12");
  equal(CREW.takePart(words, 100, 2)!.join(), "12,23");
});
