import { cos, type Device, DTYPES, jit, referenceDevice, type Tensor, vjp } from "../../tensor/mod.ts";
import { assertClose } from "./assert_close.ts";
import { inputsOf, type OpCase, type OpRow } from "./op_row.ts";

/** Which cases of a row to run. */
export interface CheckDeviceOptions {
  /** True for the large cases only; they are left out otherwise. */
  readonly large?: boolean;
}

/** WGSL implementations may assume that there are no infinities and NaN (WGSL, section 15.7): such elements are not compared. */
function comparable(device: Device, actual: ArrayLike<number>, expected: ArrayLike<number>): ArrayLike<number> {
  if (device.name !== "webgpu") return actual;
  return Array.from(actual, (value, i) => Number.isFinite(expected[i]) ? value : expected[i]!);
}

const text = ({ inputs }: OpCase) => inputs.map(({ shape, dtype = "float32" }) => `${dtype} [${shape}]`).join(", ");

/** Compiles a function for a device and compares its results with those of the reference, case by case. */
async function compare(
  device: Device,
  { cases, tolerance }: OpRow,
  f: (...inputs: Tensor[]) => readonly Tensor[],
  large: boolean,
): Promise<void> {
  const reference = referenceDevice();
  for (const testCase of cases.filter((each) => (each.large ?? false) === large)) {
    const inputs = inputsOf(testCase);
    const actual: readonly Tensor[] = jit(f, { device })(...inputs);
    for (const [i, expected] of f(...inputs).entries()) {
      const label = `result ${i} of ${text(testCase)}`;
      const values = await actual[i]!.data({ device });
      const wanted = await expected.data({ device: reference });
      assertClose(comparable(device, values, wanted), wanted, tolerance, label);
    }
  }
}

/**
 * Checks one operation of the table on a device against the float64 reference.
 *
 * @param device Where to compute.
 * @param row The operation.
 * @param options Which cases.
 */
export async function checkDevice(
  device: Device,
  row: OpRow,
  { large = false }: CheckDeviceOptions = {},
): Promise<void> {
  await compare(device, row, (...inputs) => [row.f(...inputs)], large);
}

/**
 * Checks the pullback of one operation of the table on a device against the float64 reference.
 *
 * @param device Where to compute.
 * @param row The operation; nothing is checked if it has no gradient.
 */
export async function checkDeviceGradients(device: Device, row: OpRow): Promise<void> {
  if (row.order === 0) return;
  const gradients = (...inputs: Tensor[]) => {
    const positions = [...inputs.keys()].filter((i) => DTYPES[inputs[i]!.dtype].floating);
    const f = (...primals: Tensor[]) => {
      const all = [...inputs];
      positions.forEach((position, i) => all[position] = primals[i]!);
      return row.f(...all);
    };
    const [value, pullback] = vjp(f, ...positions.map((i) => inputs[i]!));
    return DTYPES[(value as Tensor).dtype].floating ? pullback(cos(value)) : [];
  };
  const { absolute, relative } = row.tolerance;
  // Cotangents carry the rounding of the value: several roundings meet in each result.
  await compare(device, { ...row, tolerance: { absolute: 20 * absolute, relative: 20 * relative } }, gradients, false);
}
