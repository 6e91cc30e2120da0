import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { chooseTuning, readTuning, tuningPath, writeTuning } from "../../../spark/train/tuning_file.ts";

const TILE = { kind: "workgroup", rows: 8, columns: 8, across: 8, down: 8, depth: 16 } as const;

Deno.test("tuningPath() lies in the cache folder of the user, a file for each adapter", () => {
  const of = (variables: Record<string, string>) => tuningPath("NVIDIA  A100/40 (x)", (name) => variables[name]);
  equal(of({ HOME: "/home/u" }), "/home/u/.cache/tessera/tuning/nvidia-a100-40-x.json");
  equal(of({ HOME: "/home/u", XDG_CACHE_HOME: "/c" }), "/c/tessera/tuning/nvidia-a100-40-x.json");
});

Deno.test("chooseTuning() prefers the named file, then that of the run, and refuses what does not fit", async () => {
  const path = await Deno.makeTempDir();
  try {
    const [named, kept] = [`${path}/new/named.json`, `${path}/kept.json`];
    const one = { adapter: "a", tiles: { x: TILE } };
    const other = { adapter: "a", tiles: { y: { ...TILE, depth: 8 } } };
    writeTuning(named, one);
    writeTuning(kept, other);
    deepStrictEqual(readTuning(`${path}/absent.json`, "a"), null);
    deepStrictEqual(chooseTuning(named, kept, "a"), one);
    deepStrictEqual(chooseTuning(undefined, kept, "a"), other);
    deepStrictEqual(chooseTuning("none", kept, "a"), { adapter: "a", tiles: {} });
    throws(
      () => chooseTuning(`${path}/absent.json`, kept, "a"),
      /absent.json as a tuning table as the file must exist/,
    );
    throws(() => chooseTuning(undefined, kept, "b"), /kept.json as a tuning table as it must be of this adapter, b/);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});
