/** @file The test of each cell. */
import { deepStrictEqual, ok, rejects, throws } from "node:assert/strict";
import * as t from "../../tensor/mod.ts";
import type { Device, Tensor } from "../../tensor/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { checkDeviceGradients } from "../support/check_device.ts";
import { type AnswerArray, answerOf } from "./answers.ts";
import { givenOperands, operandsOf, TRIED, variedIn } from "./inputs.ts";
import type { Column, ConformanceRow, Reason, Results } from "./row.ts";

/** What a cell shows: a test that ran, perhaps with what it found, or the reason why there is none. */
export type Cell = { readonly passed: string } | { readonly reason: Reason };

const PASSED: Cell = { passed: "✓" };
const reference = t.referenceDevice();
const isFloating = (x: Tensor) => t.DTYPES[x.dtype].floating;
const listed = (results: Results): readonly Tensor[] => [results].flat() as readonly Tensor[];

async function called({ f }: ConformanceRow, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  return listed(await f(...inputs));
}

async function compare(
  found: readonly Tensor[],
  answer: readonly AnswerArray[],
  device: Device,
  tolerance: { readonly absolute: number; readonly relative: number },
): Promise<void> {
  deepStrictEqual(found.map(({ shape }) => shape), answer.map(({ shape }) => shape), "shapes");
  for (const [i, { values }] of answer.entries()) {
    assertClose(await found[i]!.data({ device }), values, tolerance, `result ${i}`);
  }
}

function requireAnswer(row: ConformanceRow): readonly AnswerArray[] {
  const answer = answerOf(row, "given");
  ok(answer, `${row.name} has no answer`);
  return answer;
}

function shape(row: ConformanceRow): Cell {
  const answer = requireAnswer(row);
  row.rejects.forEach((call) => throws(call, t.ShapeError));
  if (row.kind === "host") return { reason: "H" };
  const specs = t.evalShape((...xs: Tensor[]) => listed(row.f(...xs) as Results), ...givenOperands(row, "float64"));
  deepStrictEqual(specs.map((spec) => (spec as unknown as Tensor).shape), answer.map(({ shape }) => shape));
  return row.rejects.length > 0 ? { passed: `✓ ${row.rejects.length}` } : PASSED;
}

async function referenceValue(row: ConformanceRow): Promise<Cell> {
  // What only the host computes reads its operands on the default device, which has no float64.
  const found = await called(row, givenOperands(row, row.kind === "host" ? "float32" : "float64"));
  await compare(found, requireAnswer(row), reference, { absolute: row.exact, relative: row.exact });
  return PASSED;
}

/** Operands and results of a row whose derivatives are meant. */
interface Smooth {
  readonly inputs: readonly Tensor[];
  readonly f: (...inputs: Tensor[]) => Tensor;
}

/** A function whose floating results lie in one row, or why it has no derivative. */
function smoothOf(row: ConformanceRow): Smooth | { readonly reason: Reason } {
  if (row.kind === "host") return { reason: "H" };
  const inputs = givenOperands(row, "float64");
  if (inputs.length === 0) return { reason: "N" };
  if (row.kind === "drawn" && !inputs.some(isFloating)) return { reason: "K" };
  const results = listed(row.f(...inputs) as Results);
  if (!inputs.some(isFloating) || !results.some(isFloating)) return { reason: "W" };
  const f = (...xs: Tensor[]) =>
    t.concat(listed(row.f(...xs) as Results).filter(isFloating).map((y) => t.reshape(y, [-1])));
  return { inputs, f };
}

async function onDevice(row: ConformanceRow, device: Device): Promise<Cell> {
  const found = await called(row, givenOperands(row, "float32"));
  await compare(found, requireAnswer(row), device, row.tolerance);
  const smooth = smoothOf(row);
  if ("reason" in smooth || row.kind === "unbounded") return PASSED;
  const order = row.kind === "stopped" ? 0 : 1;
  await checkDeviceGradients(device, { ...row, f: smooth.f, cases: [row.inputs], order });
  return PASSED;
}

/** Shows that whole operands are refused by name, and that through whole results flows nothing but zeros. */
async function withoutDerivative(row: ConformanceRow, reason: Reason): Promise<Cell> {
  if (reason !== "W" && reason !== "K") return { reason };
  const inputs = givenOperands(row, "float64");
  const whole = inputs.find((x) => !isFloating(x));
  if (whole) throws(() => t.vjp((x: Tensor) => x, whole), /Cannot vjp as .* floating/);
  const floating = inputs.filter(isFloating);
  const total = (...xs: Tensor[]) => {
    const left = [...xs];
    const results = listed(row.f(...inputs.map((x) => isFloating(x) ? left.shift()! : x)) as Results);
    return results.map((y) => t.sum(t.cast(y, "float64"))).reduce((a, b) => t.add(a, b));
  };
  for (const x of floating.length > 0 ? t.vjp(total, ...floating)[1](t.tensor(1, { dtype: "float64" })) : []) {
    ok((await x.data({ device: reference })).every((y) => y === 0), `${row.name} has a derivative`);
  }
  return { reason };
}

async function derivative(row: ConformanceRow, mode: "rev" | "fwd", order: number): Promise<Cell> {
  const smooth = smoothOf(row);
  if ("reason" in smooth) return await withoutDerivative(row, smooth.reason);
  const { f, inputs } = smooth;
  const floating = inputs.filter(isFloating);
  const part = (...xs: Tensor[]) => {
    const left = [...xs];
    return f(...inputs.map((x) => isFloating(x) ? left.shift()! : x));
  };
  if (row.kind === "unbounded") {
    throws(() => t.vjp(part, ...floating)[1](t.ones([12], { dtype: "float64" })), /whileLoop/);
    return { reason: "B" };
  }
  if (row.kind === "stopped") {
    const [value, pull] = t.vjp(part, ...floating);
    for (const x of pull(t.onesLike(value))) ok((await x.data({ device: reference })).every((y) => y === 0));
    return { reason: "S" };
  }
  await t.checkGrads(part, floating, { order, modes: [mode] });
  return PASSED;
}

const EXAMPLES = 3;

/** Other values of the same domain: those of the operand, moved on. */
async function another(x: Tensor, by: number): Promise<Tensor> {
  const values = await x.data({ device: reference });
  const moved = values.map((_, i) => values[(i + by) % values.length]!);
  return t.tensor(moved, { shape: x.shape, dtype: x.dtype });
}

async function mapped(row: ConformanceRow): Promise<Cell> {
  if (row.kind === "host") return { reason: "H" };
  const inputs = givenOperands(row, "float64");
  if (inputs.length === 0) return { reason: "N" };
  const examples = await Promise.all(
    Array.from({ length: EXAMPLES }, (_, k) => Promise.all(inputs.map((x) => another(x, k)))),
  );
  const f = (...xs: Tensor[]) => listed(row.f(...xs) as Results);
  const all = t.vmap(f)(...inputs.map((_, i) => t.stack(examples.map((one) => one[i]!))));
  const each = examples.map((one) => f(...one));
  for (const [i, y] of all.entries()) {
    const loop = t.stack(each.map((one) => one[i]!));
    deepStrictEqual(y.shape, loop.shape);
    const bound = { absolute: 1e-10, relative: 1e-10 };
    assertClose(await y.data({ device: reference }), await loop.data({ device: reference }), bound, `result ${i}`);
  }
  return PASSED;
}

async function jitted(row: ConformanceRow, cpu: Device): Promise<Cell> {
  const inputs = givenOperands(row, "float32");
  if (row.kind === "host") {
    const called: Promise<unknown>[] = [];
    const traced = t.jit((...xs: Tensor[]) => (called.push((async () => await row.f(...xs))()), xs), { device: cpu });
    traced(...inputs);
    await rejects(called[0]!, /inside jit, grad or vmap/);
    return { reason: "H" };
  }
  const f = (...xs: Tensor[]) => listed(row.f(...xs) as Results);
  for (const [device, tolerance] of [[cpu, row.tolerance], [reference, row.tolerance]] as const) {
    await compare(t.jit(f, { device })(...inputs), requireAnswer(row), device, tolerance);
  }
  return PASSED;
}

/** True if an operation refuses a dtype by name when it is called. */
async function refuses(row: ConformanceRow, inputs: readonly Tensor[]): Promise<boolean> {
  try {
    await called(row, inputs);
    return false;
  } catch (error) {
    ok(/^Cannot /.test((error as Error).message), `${row.name}: ${error}`);
    return true;
  }
}

const SHORT: Readonly<Record<string, string>> = {
  ...{ float32: "f32", float16: "f16", int32: "i32", uint32: "u32", int8: "i8", uint8: "u8", bool: "bool" },
};
/** How far a few operations, each rounded to float16, may be from exact ones on the same operands. */
const HALF = { absolute: 4e-3, relative: 8e-3 };

async function dtypes(row: ConformanceRow): Promise<Cell> {
  if (variedIn(row).length === 0) return { reason: row.kind === "drawn" && row.inputs.inputs.length > 0 ? "K" : "N" };
  const found: string[] = [];
  for (const dtype of TRIED) {
    const inputs = await operandsOf(row, dtype);
    if (await refuses(row, inputs)) continue;
    const answer = answerOf(row, dtype);
    const results = await called(row, inputs);
    if (answer === null) {
      for (const y of results) await y.data({ device: reference });
      found.push(`${SHORT[dtype]}*`);
      continue;
    }
    const bound = dtype === "float16" ? HALF : {
      absolute: Math.max(1e-6, row.tolerance.absolute),
      relative: Math.max(1e-5, row.tolerance.relative),
    };
    try {
      await compare(results, answer, reference, bound);
    } catch (cause) {
      throw new Error(
        `Cannot pass as ${dtype} must be as recorded: current difference is ${(cause as Error).message}`,
        { cause },
      );
    }
    found.push(SHORT[dtype]!);
  }
  ok(found.length > 0, `${row.name} takes no dtype`);
  return { passed: found.join(" ") };
}

/** Devices on which cells are tested. */
export interface Devices {
  readonly cpu: Device;
  /** Null where there is no adapter. */
  readonly webgpu: Device | null;
}

/**
 * Tests one cell.
 *
 * @param row The operation.
 * @param column What is tested of it.
 * @param devices Where.
 * @returns What the cell shows.
 * @throws If the test fails.
 */
export async function testCell(row: ConformanceRow, column: Column, { cpu, webgpu }: Devices): Promise<Cell> {
  switch (column) {
    case "shape":
      return shape(row);
    case "reference":
      return await referenceValue(row);
    case "cpu":
      return await onDevice(row, cpu);
    case "webgpu":
      ok(webgpu, "Cannot test webgpu as there must be an adapter");
      return await onDevice(row, webgpu);
    case "grad":
      return await derivative(row, "rev", 1);
    case "grad of grad":
      return await derivative(row, "rev", 2);
    case "jvp":
      return await derivative(row, "fwd", 1);
    case "vmap":
      return await mapped(row);
    case "jit":
      return await jitted(row, cpu);
    case "dtypes":
      return await dtypes(row);
  }
}
