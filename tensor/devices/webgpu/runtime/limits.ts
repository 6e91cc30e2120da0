/** @file What a device allows, checked before anything is allocated. */
import type { WgslPass } from "../../../compiler/kernel_text.ts";
import { DeviceError } from "../../../errors.ts";
import type { Shape } from "../../../spec.ts";

/** Limits of an adapter that decide what can run. */
export type RunLimits = Pick<
  GPUSupportedLimits,
  | "maxStorageBufferBindingSize"
  | "maxBufferSize"
  | "maxStorageBuffersPerShaderStage"
  | "maxComputeWorkgroupsPerDimension"
  | "maxComputeInvocationsPerWorkgroup"
>;

/** Bytes that one binding may have, as whole vec4. */
function bindingLimit(
  limits: Pick<RunLimits, "maxStorageBufferBindingSize" | "maxBufferSize">,
): number {
  return Math.floor(Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) / 16) * 16;
}

/**
 * Throws if no binding can hold so many bytes.
 *
 * @param limits Of the device.
 * @param bytes How many.
 * @param shape Of the tensor that takes them; without it they are scratch of a kernel.
 * @throws {DeviceError} Naming the limit and what fits.
 */
export function refuseLarge(
  limits: Pick<RunLimits, "maxStorageBufferBindingSize" | "maxBufferSize">,
  bytes: number,
  shape?: Shape,
): void {
  const limit = bindingLimit(limits);
  if (bytes <= limit) return;
  const mib = (n: number) => `${Math.ceil(n / 2 ** 20)} MiB`;
  const rows = Math.floor(limit / bytes * (shape?.[0] ?? 0));
  const fits = rows > 0 ? `a first axis of at most ${rows} fits` : "smaller or more batches fit";
  throw new DeviceError(
    "webgpu",
    `Cannot allocate ${shape ? `[${shape.join(", ")}]` : "scratch"} on webgpu as it must fit into a binding of ` +
      `${mib(limit)}: current size is ${mib(bytes)}; ${fits}`,
  );
}

/**
 * Throws if a pass asks for more buffers, groups or invocations than the device has.
 *
 * @param limits Of the device.
 * @param pass The pass.
 * @param name Of the kernel, for the message.
 * @throws {DeviceError} Naming the limit.
 */
export function refusePass(limits: RunLimits, { buffers, workgroups, workgroupSize }: WgslPass, name: string): void {
  const perAxis = limits.maxComputeWorkgroupsPerDimension;
  const rows: readonly (readonly [what: string, asked: number, limit: number])[] = [
    ["storage buffers a pass", buffers.length, limits.maxStorageBuffersPerShaderStage],
    ["workgroups a pass", workgroups, perAxis * perAxis],
    ["invocations a workgroup", workgroupSize, limits.maxComputeInvocationsPerWorkgroup],
  ];
  const over = rows.find(([, asked, limit]) => asked > limit);
  if (!over) return;
  throw new DeviceError(
    "webgpu",
    `Cannot run ${name} on webgpu as it must need at most ${over[2]} ${over[0]}: current number is ${over[1]}; ` +
      "smaller batches need fewer groups, an adapter with higher limits allows more",
  );
}
