import type { KernelForm } from "../../../compiler/kernel_forms.ts";
import type { WatKernel, WatWriter } from "../../../compiler/kernel_text.ts";
import type { TemplateKernel, Value } from "../../../compiler/kernel.ts";
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import { MEMORIES } from "../runtime/heap.ts";
import { ALIGNMENT } from "../runtime/memory.ts";

/** Bytes of a work item: some take part of a weight each. */
const BLOCK = 2 ** 18;
/** Nanoseconds for one of them. */
const COST = 60_000;

interface StageParams {
  readonly bytes: number;
}

/** A kernel of this device alone. */
const STAGE_FORM: KernelForm<StageParams> = {
  name: "stage",
  texts: { cpu: ((_inputs, _output, { bytes }) => stageWat(bytes)) satisfies WatWriter<StageParams> },
};

/**
 * The kernel that brings a value to where kernels reach it, or away from there: between the first memory and any, whichever its
 * addresses are of. It does nothing where both are the same.
 *
 * @param value What is copied.
 * @returns The kernel, of one input and one output.
 */
export function stageKernel({ shape, dtype, half }: Value): TemplateKernel {
  const spec = { shape, dtype };
  const bytes = bytesOf({ ...spec, ...half && { half } });
  return {
    ...{ kind: "template", name: "stage", key: `stage|${bytes}`, specs: [spec, spec], flops: 0 },
    ...{ finishes: false, computes: [], prologues: [] },
    body: { kind: "text", form: STAGE_FORM, inputs: [spec], output: spec, params: { bytes } satisfies StageParams },
  };
}

function stageWat(bytes: number): WatKernel {
  const items = Math.ceil(bytes / BLOCK);
  const part = (buffer: string, mask: number) => `(i32.and ${wat.argument(buffer)} ${wat.int(mask)})`;
  const at = wat.mul(wat.get("index"), BLOCK);
  const count = `(select ${wat.int(BLOCK)} ${wat.int(bytes - (items - 1) * BLOCK)} ${`(i32.lt_u ${wat.get("index")} ${
    wat.int(items - 1)
  })`})`;
  const item = wat.func(
    "item",
    ["index"],
    wat.block(
      wat.when(`(i32.eq ${wat.argument("from")} ${wat.argument("to")})`, "(return)"),
      wat.set("source", part("from", ALIGNMENT - 1)),
      wat.set("target", part("to", ALIGNMENT - 1)),
      wat.set("start", wat.add(part("from", -ALIGNMENT), at)),
      wat.set("end", wat.add(part("to", -ALIGNMENT), at)),
      wat.set("bytes", count),
      ...copies(),
    ),
  );
  const imports = Array.from(
    { length: MEMORIES - 1 },
    (_, i) => `(import "env" "memory${i + 1}" (memory 0 65536 shared))`,
  );
  const { code, ...rest } = wat.pass(["from", "to"], [item], items, COST);
  return { passes: [{ code: [...imports, code].join("\n"), ...rest }], scratchBytes: 0, localBytes: 0 };
}

/** One copy for each pair of memories of which one is the first: their numbers are part of the instruction. */
function copies(): readonly Wat[] {
  const copy = (target: number, source: number) => {
    const isThis = `(i32.and (i32.eq ${wat.get("target")} ${wat.int(target)}) (i32.eq ${wat.get("source")} ${
      wat.int(source)
    }))`;
    return wat.when(isThis, `(memory.copy ${target} ${source} ${["end", "start", "bytes"].map(wat.get).join(" ")})`);
  };
  const all = Array.from({ length: MEMORIES }, (_, memory) => memory);
  return [...all.map((memory) => copy(0, memory)), ...all.slice(1).map((memory) => copy(memory, 0))];
}
