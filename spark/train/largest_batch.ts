/** @file The memory of a step, planned before anything is allocated. */
import { type Device, DeviceError, type ExecutableStats } from "../../tensor/mod.ts";

/**
 * Plans a step; if its batch is too large for the device, finds the largest that is not. Plans are made, nothing is
 * allocated.
 *
 * @param device Where the step is to run.
 * @param plan Plans the step for a number of images; throws `DeviceError` if the device cannot hold it.
 * @param batchSize Images wanted.
 * @returns The plan.
 * @throws {DeviceError} If it does not fit, naming the largest batch that does.
 */
export function planBatch(
  device: Pick<Device, "name" | "maxBytes">,
  plan: (batchSize: number) => ExecutableStats,
  batchSize: number,
): ExecutableStats {
  const attempt = (batch: number): ExecutableStats => {
    const stats = plan(batch);
    if (stats.plannedBytes <= (device.maxBytes ?? Infinity)) return stats;
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new DeviceError(
      device.name,
      `Cannot plan a step on ${device.name} as all of it must fit into ${mib(device.maxBytes!)}: current plan takes ` +
        mib(stats.plannedBytes),
    );
  };
  try {
    return attempt(batchSize);
  } catch (cause) {
    if (!(cause instanceof DeviceError)) throw cause;
    const largest = search((batch) => fits(attempt, batch), batchSize);
    const way = largest > 0
      ? `the largest --batch-size that fits is ${largest}`
      : "no --batch-size fits; lower --input-size";
    throw new DeviceError(device.name, `${cause.message}; ${way}`, { cause });
  }
}

function fits(attempt: (batch: number) => unknown, batch: number): boolean {
  try {
    attempt(batch);
    return true;
  } catch (error) {
    if (error instanceof DeviceError) return false;
    throw error;
  }
}

/** The largest number below `limit` that fits, 0 if none: by halving, as memory grows with the batch. */
function search(fits: (batch: number) => boolean, limit: number): number {
  let [low, high] = [0, limit];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
