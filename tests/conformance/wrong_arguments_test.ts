import { ok, rejects, throws } from "node:assert/strict";
import { chain, type Optimizer } from "../../nn/mod.ts";
import { profile, tune } from "../../tensor/kernel.ts";
import * as t from "../../tensor/mod.ts";
import { givenOperands } from "./inputs.ts";
import { type Call, calls } from "../support/public_calls.ts";
import { TABLE } from "./table.ts";

/** What a slip of the hand leaves in the place of an argument. */
const WRONG: readonly unknown[] = [
  ...[undefined, null, "x", 1.5, NaN, -1, true, {}, [], ["x"], [1.5], [undefined], () => 1],
  ...[new Float32Array(2), new Date(0), new Map(), Promise.resolve(1)],
];
/** Errors of the engine, which tell of this code and not of the call. */
const OF_THE_ENGINE =
  /^Cannot (read prop|destructure|convert|set|use 'in'|assign)|is not a function|is not iterable|^Invalid|Reduce of empty/;

const isRecord = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;

/** Each argument, and each field of an argument, in its place something else. */
function variants({ args }: Call): readonly (readonly unknown[])[] {
  const places = [...args, undefined];
  return places.flatMap((arg, i) => {
    const fields = isRecord(arg) ? Object.keys(arg) : [];
    return WRONG.flatMap((wrong) => [
      places.with(i, wrong),
      ...fields.map((field) => places.with(i, { ...arg as object, [field]: wrong })),
    ]);
  });
}

/** What is refused, in words other than this library's. */
async function faultsOf(name: string, call: Call): Promise<readonly string[]> {
  const faults = new Set<string>();
  for (const args of variants(call)) {
    try {
      await call.f(...args);
    } catch (error) {
      const { message } = error as Error;
      if (!message.startsWith("Cannot ") || OF_THE_ENGINE.test(message)) faults.add(`${name}: ${message}`);
    }
  }
  return [...faults];
}

Deno.test("Whatever else stands in the place of an argument, it is computed with or refused in words of the operation", async () => {
  for (const row of TABLE) await row.f(...givenOperands(row, "float32"));
  ok(calls.size > 250, `${calls.size} functions were called`);
  const faults: string[] = [];
  for (const [name, call] of calls) faults.push(...await faultsOf(name, call));
  ok(faults.length === 0, `${faults.length} errors of the engine:\n${faults.join("\n")}`);
});

Deno.test("A transformation refuses at once what is no function", async () => {
  const x = t.tensor([1, 2]);
  type Any = (...args: unknown[]) => unknown;
  const { grad, valueAndGrad, jacfwd, jacrev, hessian, vmap, jit, checkpoint, makeProgram, debugNans } = t;
  const { savedResiduals, vjp, linearize, evalShape, jvp, customVjp, customJvp, treeMap } = t;
  const before = { grad, valueAndGrad, jacfwd, jacrev, hessian, vmap, jit, checkpoint, makeProgram, debugNans };
  const called = { vjp, linearize, evalShape, jvp, customVjp, customJvp, treeMap };
  for (const wrong of [undefined, null, 3, "x", {}, x]) {
    for (const [name, transformed] of Object.entries({ ...before, ...called, savedResiduals, profile, tune })) {
      const args = name in called ? [wrong, x, x] : [wrong];
      throws(
        () => (transformed as unknown as Any)(...args),
        new RegExp(`^TypeError: Cannot ${name} as f must be a function`),
      );
    }
    await rejects(t.checkGrads(wrong as Any, [x]), /Cannot checkGrads as f must be a function/);
  }
  throws(
    () => customVjp((x: t.Tensor) => t.exp(x), 3 as unknown as () => []),
    /Cannot customVjp as backward must be a function: .* 3/,
  );
  throws(
    () => jit((x: t.Tensor) => t.exp(x), { static: "x" as unknown as [] }),
    /Cannot jit as static must be a list: .* "x"/,
  );
  throws(() => chain(3 as unknown as Optimizer), /Cannot chain as link 0 must be a transformation: .* 3/);
});
