/**
 * Immutable lazy tensors, their primitives, transformations over trees of them, and the devices that compute them.
 *
 * ```ts
 * import { jit, matmul, mean, square, sub, type Tensor, tensor, valueAndGrad } from "@tessera/tessera/tensor";
 *
 * const loss = (w: Tensor, x: Tensor, y: Tensor) => mean(square(sub(matmul(x, w), y)));
 * const step = jit(valueAndGrad(loss));
 * const [value, gradient] = step(tensor([[0], [0]]), tensor([[1, 2], [3, 4]]), tensor([[1], [2]]));
 * await value.item(); // 2.5
 * gradient.shape; // [2, 1]
 * ```
 *
 * @module
 */
import { bringToCompiler } from "./compiler/brought.ts";
import { gather } from "./compiler/schedule/gather.ts";
import { recompute } from "./compiler/schedule/recompute.ts";
import * as exchangeSteps from "./compiler/schedule/exchange_step.ts";
import { widen } from "./compiler/narrow/widen.ts";
import { sharedRanges } from "./compiler/schedule/exchange_ranges.ts";
import { exchangeWaits } from "./compiler/schedule/exchange_waits.ts";
import "./convolutions.ts";
import { bringToWebgpu } from "./devices/webgpu/brought.ts";
import { emitFinishedWgsl } from "./devices/webgpu/emit/finish.ts";
import { joinPasses } from "./devices/webgpu/emit/join_passes.ts";
import { chooseHalf } from "./devices/webgpu/half/choose_half.ts";
import { requireHalf } from "./devices/webgpu/half/half_trial.ts";
import { exchangeQueue } from "./devices/webgpu/runtime/exchange.ts";
import { requireTimes, runTimed } from "./devices/webgpu/runtime/timed_launches.ts";
import "./display.ts";
export * from "./core.ts";
export { referenceDevice } from "./devices/reference/device.ts";
export { cpuDevice, type CpuOptions } from "./devices/cpu/cpu_device.ts";
export type { TileKind } from "./contraction/tile.ts";
export type { Kept, KernelStore, Modules } from "./devices/cpu/runtime/assemble.ts";

bringToCompiler({ widen, recompute, gather, exchanges: { ...exchangeSteps, sharedRanges, exchangeWaits } });
bringToWebgpu({
  ...{ exchangeQueue, emitFinishedWgsl, joinPasses },
  ...{ half: { chooseHalf, requireHalf }, times: { requireTimes, runTimed } },
});
