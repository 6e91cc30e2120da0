/** @file The check of values, first and second derivatives of compositions of transformations. */
import { ok } from "node:assert/strict";
import {
  add,
  type Device,
  type DType,
  grad,
  mul,
  referenceDevice,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { realize } from "../../tensor/kernel.ts";
import { composed, type Composition, type Meaning, type Pair, TRANSFORMATIONS, weightsFor } from "./compositions.ts";

const POINT = [0.4, -0.7, 1.1];
const DIRECTION = [0.8, 0.6, -0.4];
const STEP = 1e-3;

/** `w` where the values are compared. */
const wAt = (x: Tensor): Tensor => add(square(x), 1);
/** `w` inside the pairing: it depends on `x` in another way. */
const wInside = (x: Tensor): Tensor => sub(1.5, mul(x, 0.5));

const paired = (y: Tensor): Tensor => sum(mul(y, weightsFor(y)));

/** A pairing, its gradient along the same, and a third: each the derivative of the one before along `x`. */
function derivatives(f: Pair): readonly ((x: Tensor) => Tensor)[] {
  const along = (g: (x: Tensor) => Tensor) => (x: Tensor) =>
    sum(mul(grad(g)(x), tensor(DIRECTION, { dtype: x.dtype })));
  const whole = (x: Tensor) => paired(f(x, wInside(x)));
  const first = along(whole);
  return [whole, first, along(first)];
}

async function numbers(tensors: readonly Tensor[], device: Device): Promise<readonly number[]> {
  realize(tensors, device); // in one program
  return (await Promise.all(tensors.map((x) => x.data({ device })))).flatMap((values) => Array.from(values, Number));
}

/** By fourth-order central differences, of float64: those of several functions in one program. */
async function differences(
  functions: readonly ((distance: number) => Tensor)[],
  device: Device,
): Promise<readonly number[]> {
  const points = [-2, -1, 1, 2].map((k) => functions.map((f) => f(k * STEP)));
  const values = await numbers(points.flat(), device);
  const count = values.length / points.length;
  const at = (point: number, i: number) => values[point * count + i]!;
  return Array.from({ length: count }, (_, i) => (8 * (at(2, i) - at(1, i)) - (at(3, i) - at(0, i))) / (12 * STEP));
}

/** Values of the outermost of some transformations, by differences of what is inside it. */
async function valuesOf({ f, names }: Meaning, w: (x: Tensor) => Tensor, device: Device): Promise<readonly number[]> {
  const x = tensor(POINT, { dtype: "float64" });
  const inner = composed({ f, mode: "given", names: names.slice(0, -1) }, device);
  const at = (x0: Tensor) => inner(x0, w(x));
  if (names.length === 0) return await numbers([at(x)], device);
  const { cotangent, tangent } = TRANSFORMATIONS[names.at(-1)!]!;
  if (tangent) return await differences([(distance) => at(add(x, mul(tangent(x), distance)))], device);
  const axes = POINT.map((_, i) => tensor(POINT.map((_, j) => Number(i === j)), { dtype: "float64" }));
  return await differences(
    axes.map((axis) => (distance) => sum(mul(at(add(x, mul(axis, distance))), cotangent!(x)))),
    device,
  );
}

/**
 * What compositions of one meaning must yield, by float64 differences on the reference device: the pairing of the values
 * with weights, its first and second derivative along `x`, and the values.
 */
async function expectedOf(meaning: Meaning): Promise<readonly number[]> {
  const device = referenceDevice();
  const x = tensor(POINT, { dtype: "float64" });
  const direction = tensor(DIRECTION, { dtype: "float64" });
  const [whole, first] = derivatives(composed({ ...meaning, mode: "given" }, device)) as [Line, Line];
  const slopes = await differences(
    [whole, first].map((f) => (distance) => f(add(x, mul(direction, distance)))),
    device,
  );
  const inside = tensor(await valuesOf(meaning, wInside, device), { dtype: "float64" });
  return [...await numbers([paired(inside)], device), ...slopes, ...await valuesOf(meaning, wAt, device)];
}

type Line = (x: Tensor) => Tensor;

/** What a composition yields on a device. */
async function measured(composition: Composition, device: Device, dtype: DType): Promise<readonly number[]> {
  const f = composed(composition, device);
  const x = tensor(POINT, { dtype });
  return await numbers([...derivatives(f).map((one) => one(x)), f(x, wAt(x))], device);
}

const nameOf = ({ f, mode, names }: Composition): string => `${[...names].reverse().join("(")}(${f}, ${mode})`;

/** In float64 on the reference device, in float32 elsewhere. */
async function checkComposition(
  composition: Composition,
  expected: readonly number[],
  device: Device,
): Promise<void> {
  const dtype = device.name === "reference" ? "float64" : "float32";
  const actual = await measured(composition, device, dtype);
  const size = dtype === "float64" ? 0 : Math.max(...expected.map(Math.abs));
  const tolerance = dtype === "float64" ? 1e-6 : 2e-4;
  ok(actual.length === expected.length, `${nameOf(composition)} yields ${actual.length} numbers`);
  actual.forEach((value, i) => {
    const [a, b] = [value, expected[i]!].map((one) => one / (1 + size)) as [number, number];
    ok(
      Math.abs(a - b) <= tolerance * (1 + Math.abs(b)),
      `${device.name}: number ${i} of ${nameOf(composition)}: ${value} by the composition, ${expected[i]} expected`,
    );
  });
}

/**
 * Checks compositions: in float64 on the reference device, in float32 elsewhere.
 *
 * @param meanings What to compose; the differences are those of each meaning, computed once.
 * @param devices Where to compute.
 * @returns How many were compared, and what went wrong.
 */
export async function checkCompositions(
  meanings: readonly Meaning[],
  devices: readonly Device[],
): Promise<{ readonly count: number; readonly failures: readonly string[] }> {
  const failures: string[] = [];
  for (const meaning of meanings) {
    const expected = await expectedOf(meaning);
    for (const composition of meaning.compositions) {
      for (const device of devices) {
        await checkComposition(composition, expected, device).catch((error) => failures.push(String(error)));
      }
    }
  }
  return { count: meanings.reduce((sum, { compositions }) => sum + compositions.length, 0), failures };
}
