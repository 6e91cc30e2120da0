import type { SuppressParams } from "../../../compiler/kernel_forms.ts";
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** Bytes of a kept box in scratch: its corners, its area and its kind. */
const KEPT = 24;

const FLOATS: Record<string, "f32"> = Object.fromEntries(
  ["x1", "y1", "x2", "y2", "area", "shared"].map((name) => [name, "f32"]),
);

/**
 * The cpu kernel of greedy suppression: a walk that compares each box with those kept so far.
 *
 * @param inputs `boxes [..., N, 4]` float32, `valid [..., N]` int32, perhaps `kind [..., N]` int32.
 * @param output `[..., N]` int32.
 * @param params Threshold.
 * @returns The kernel; a work item is a group.
 */
export function suppressWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { threshold }: SuppressParams,
): WatKernel {
  const length = output.shape.at(-1)!;
  const groups = sizeOf(output.shape.slice(0, -1));
  const grouped = inputs.length > 2;
  const buffers = ["boxes", "valid", ...(grouped ? ["kind"] : []), "keep"];
  const item = wat.func(
    "item",
    ["index"],
    wat.block(
      wat.set("list", wat.add(wat.argument("scratch"), wat.mul(wat.get("index"), length * KEPT))),
      wat.set("end", wat.get("list")),
      wat.set("row", wat.mul(wat.get("index"), length)),
      wat.set("last", wat.add(wat.get("row"), length)),
      wat.loop("j", wat.get("row"), wat.get("last"), walkBox(threshold, grouped)),
    ),
    FLOATS,
  );
  return {
    passes: [wat.pass(buffers, [item], length === 0 ? 0 : groups, length * length / 2)],
    scratchBytes: groups * length * KEPT,
    localBytes: 0,
  };
}

/** Keeps box `$j` unless one of the list overlaps it, and then adds it to the list. */
function walkBox(threshold: number, grouped: boolean): Wat {
  const element = (buffer: string, each: number) => wat.add(wat.argument(buffer), wat.mul(wat.get("j"), each));
  const names = ["x1", "y1", "x2", "y2"];
  const difference = (a: string, b: string) => `(f32.sub ${wat.get(a)} ${wat.get(b)})`;
  const load = names.map((name, i) => wat.set(name, `(f32.load ${wat.add(element("boxes", 16), 4 * i)})`));
  const store = [...names, "area"].map((name, i) => `(f32.store ${wat.add(wat.get("end"), 4 * i)} ${wat.get(name)})`);
  const kind = grouped ? `(i32.load ${element("kind", 4)})` : wat.int(0);
  const storeKind = `(i32.store ${wat.add(wat.get("end"), 20)} ${wat.get("own")})`;
  const append = wat.block(...store, storeKind, wat.set("end", wat.add(wat.get("end"), KEPT)));
  const test = wat.loop(
    "k",
    wat.get("list"),
    wat.get("end"),
    wat.block(
      wat.set("shared", sharedWithKept()),
      wat.when(overlaps(threshold), wat.block(wat.set("kept", wat.int(0)), wat.set("k", wat.get("end")))),
    ),
    KEPT,
  );
  return wat.block(
    wat.set("kept", `(i32.ne (i32.load ${element("valid", 4)}) (i32.const 0))`),
    wat.when(
      wat.get("kept"),
      wat.block(
        ...load,
        wat.set("own", kind),
        wat.set("area", `(f32.mul ${difference("x2", "x1")} ${difference("y2", "y1")})`),
        test,
        wat.when(wat.get("kept"), append),
      ),
    ),
    `(i32.store ${element("keep", 4)} ${wat.get("kept")})`,
  );
}

/** Area that the box shares with the kept one at `$k`; NaN, which nothing exceeds, if a corner is none. */
function sharedWithKept(): Wat {
  const corner = (i: number) => `(f32.load ${wat.add(wat.get("k"), 4 * i)})`;
  const side = (low: string, high: string, i: number) =>
    `(f32.max (f32.const 0) (f32.sub (f32.min ${wat.get(high)} ${corner(i + 2)}) (f32.max ${wat.get(low)} ${
      corner(i)
    })))`;
  return `(f32.mul ${side("x1", "x2", 0)} ${side("y1", "y2", 1)})`;
}

function overlaps(threshold: number): Wat {
  const union = `(f32.sub (f32.add (f32.load ${wat.add(wat.get("k"), 16)}) ${wat.get("area")}) ${wat.get("shared")})`;
  const more = `(f32.gt ${wat.get("shared")} (f32.mul (f32.const ${threshold}) ${union}))`;
  const same = `(i32.eq (i32.load ${wat.add(wat.get("k"), 20)}) ${wat.get("own")})`;
  return `(i32.and ${same} (i32.and (f32.gt ${wat.get("shared")} (f32.const 0)) ${more}))`;
}
