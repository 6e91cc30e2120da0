import { type Device, referenceDevice, type Tensor, tensor } from "../../tensor/mod.ts";

/** The float64 device of these tests. */
export const REFERENCE: Device = referenceDevice();

/**
 * Computes a tensor in float64.
 *
 * @param x Any tensor.
 * @returns Its values.
 */
export function read(x: Tensor): Promise<ArrayLike<number>> {
  return x.data({ device: REFERENCE });
}

/**
 * Makes a float64 tensor.
 *
 * @param values Row-major.
 * @param shape `[values.length]` if not given.
 * @returns The tensor.
 */
export function float64(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor {
  return tensor(Float64Array.from(values), { shape });
}
