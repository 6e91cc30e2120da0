import type { Dataset } from "../../../data/sets/dataset.ts";
import { testImage } from "../support.ts";

/** A data set that fails, ends its thread, or takes its time. In a module of its own, since threads import it. */
export function stubborn(behaviour: "throw" | "exit" | "slow"): Dataset {
  return {
    name: behaviour,
    length: 8,
    source: { module: import.meta.url, factory: "stubborn", args: [behaviour] },
    nameOf: String,
    load: async (index) => {
      if (behaviour === "throw" && index === 5) {
        throw new TypeError("Cannot load as this is a test: current index is 5");
      }
      if (behaviour === "exit" && index === 5) Deno.exit(3); // ends the thread only
      if (behaviour === "slow") await new Promise((resolve) => setTimeout(resolve, 5 * (index % 3)));
      return testImage(20, 20, index);
    },
  };
}
