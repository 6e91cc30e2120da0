import { deepStrictEqual } from "node:assert/strict";
import * as t from "../../tensor/mod.ts";
import type { Device, DType, Tensor } from "../../tensor/mod.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

/** Operations on awkward numbers and NumPy's answers, as `tests/golden/make_scalars_numpy.py` records them. */
interface Row {
  readonly name: string;
  readonly dtype: DType;
  readonly operands: readonly (readonly (number | string)[])[];
  readonly answers: readonly (number | string)[];
}

const ROWS: readonly Row[] = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/scalars.json", import.meta.url)),
);

/** Units of the last place by which a device may miss; none where nothing is said. The reference rounds what is right. */
const UNITS: Readonly<Record<string, number>> = {
  ...{ exp: 2, log: 2, rsqrt: 2, tanh: 3, sigmoid: 4, erf: 8, erfinv: 8, sin: 3, cos: 3, pow: 2 },
  ...{ log1p: 4, expm1: 2, log2: 3, log10: 3, exp2: 2, cbrt: 2, hypot: 2, tan: 4, asin: 2, acos: 2, atan: 2, atan2: 3 },
  ...{ sinh: 3, cosh: 2, asinh: 4, acosh: 4, atanh: 4, digamma: 4, logaddexp: 4, sinc: 4, reciprocal: 1 },
  lgamma: 16, // at -2.5, close to a zero
};
/** As much more as WGSL lets division and square roots miss (section 15.7.4). */
const WGSL_UNITS = 3;

/** Functions of which 0 and -0 are one answer: of two zeros, of sums that cancel, and what SciPy takes -0 to. */
const EITHER_ZERO: ReadonlySet<string> = new Set(["maximum", "minimum", "logaddexp", "lgamma", "erfinv"]);

const SMALLEST_NORMAL = 2 ** -126;

/** Whether a float32 is as near as may be: numbers below the normal range count units of that range. */
function isNear(actual: number, exact: number, units: number): boolean {
  const right = Math.fround(exact);
  if (Object.is(actual, right) || actual === right) return true;
  const unit = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(exact), SMALLEST_NORMAL))) - 23);
  return Math.abs(actual - exact) <= units * unit;
}

function isSubnormal(x: number): boolean {
  return x !== 0 && Math.abs(x) < SMALLEST_NORMAL;
}

/** Whether a GPU may answer anything: it may take what is below the normal range for zero. */
function isFree(device: Device, operands: readonly number[]): boolean {
  return device.name === "webgpu" && operands.some(isSubnormal);
}

const FUNCTIONS = t as unknown as Readonly<Record<string, (...operands: readonly Tensor[]) => Tensor>>;

/** What a device answers otherwise than NumPy. */
async function wrong(device: Device, { name, dtype, operands, answers }: Row): Promise<readonly string[]> {
  const values = operands.map((list) => list.map(Number));
  const result = FUNCTIONS[name]!(...values.map((list) => t.tensor(list, { dtype })));
  const actual = await result.data({ device });
  return answers.flatMap((answer, i) => {
    const [value, exact, given] = [actual[i]!, Number(answer), values.map((list) => list[i]!)];
    return isRight(device, { name, dtype, floating: t.DTYPES[result.dtype].floating, given, value, exact })
      ? []
      : [`${name}(${given.join(", ")}) of ${dtype} is ${value}: NumPy says ${exact}`];
  });
}

/** One answer of a device. */
interface Answer extends Pick<Row, "name" | "dtype"> {
  /** Whether the result is: of integers too it may be. */
  readonly floating: boolean;
  readonly given: readonly number[];
  readonly value: number;
  readonly exact: number;
}

function isRight(device: Device, { name, dtype, floating, given, value, exact }: Answer): boolean {
  if (dtype === "float32" && isFree(device, [...given, exact])) return true;
  if (dtype !== "float32" && !floating) return value === exact;
  if (value === 0 && exact === 0 && !EITHER_ZERO.has(name)) return Object.is(value, exact);
  const more = device.name === "webgpu" ? WGSL_UNITS : 0;
  return isNear(value, exact, device.name === "reference" ? 0 : (UNITS[name] ?? 0) + more);
}

async function check(device: Device): Promise<void> {
  deepStrictEqual((await Promise.all(ROWS.map((row) => wrong(device, row)))).flat(), []);
}

for (const open of [t.referenceDevice, () => t.cpuDevice({ threads: 1 })]) {
  const device = open();
  Deno.test(`Awkward numbers give NumPy's answers on ${device.name}`, () => check(device));
}

testWebgpu("Awkward numbers give NumPy's answers on webgpu", check);
