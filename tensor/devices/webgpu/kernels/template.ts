/** @file The kernels that are no loops over expressions, before maps are joined to them. */
import type { TemplateKernel } from "../../../compiler/kernel.ts";
import type { WgslKernel, WgslLimits, WgslWriter } from "../../../compiler/kernel_text.ts";
import { textWriter } from "../../../compiler/template.ts";
import { fasterConvolutions } from "../brought.ts";
import { contractionWgsl } from "../contraction/contraction.ts";

/**
 * Writes a kernel for a GPU.
 *
 * @param kernel Any template.
 * @param limits Limits and traits of the device.
 * @returns The kernel, without prologues and epilogue.
 * @throws {DeviceError} If nobody has a text for it.
 */
export function templateWgsl(kernel: TemplateKernel, limits: WgslLimits): WgslKernel {
  const { body } = kernel;
  if (body.kind === "contraction") return contractionWgsl(body, limits, fasterConvolutions());
  if (body.kind === "loop" || body.kind === "exchange") {
    throw new TypeError(`Cannot write ${kernel.name} as one text as it must be a kernel: current kind is ${body.kind}`);
  }
  return textWriter<WgslWriter<never>>(kernel, body, "webgpu")(body.inputs, body.output, body.params as never, limits);
}
