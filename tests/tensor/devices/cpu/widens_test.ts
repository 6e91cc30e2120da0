import { equal } from "node:assert/strict";
import { widens } from "../../../../tensor/devices/cpu/runtime/widens.ts";

Deno.test("An engine that checks addresses is found to join no vectors, each time", () => {
  equal(widens(), false); // deno test runs without V8's flags
  equal(widens(), false);
});
