/** @file Kernels that are not made of loops over expressions: contractions, and those whose text a form or a primitive holds. */
import { computes, finishes } from "../contraction/traits.ts";
import { DeviceError } from "../errors.ts";
import { idOf, textOf } from "../text_of.ts";
import type { GraphNode } from "./graph.ts";
import type { TemplateKernel, TextBody } from "./kernel.ts";
import type { KernelForm } from "./kernel_forms.ts";
import { templateFlops } from "./lowering.ts";

/**
 * Makes the kernel of a node.
 *
 * @param node Its lowering is a contraction or a kernel.
 * @returns The kernel, without maps that are joined to it.
 */
export function templateOf(node: GraphNode): TemplateKernel {
  const { lowering, params, name, primitive } = node;
  const inputs = node.inputs.map(({ shape, dtype }) => ({ shape, dtype }));
  const output = { shape: node.shape, dtype: node.dtype };
  const common = {
    kind: "template",
    name,
    key: `${name}@${idOf(primitive)}|${textOf(params)}|${textOf(inputs)}`,
    specs: [...inputs, output],
    flops: templateFlops(node),
    prologues: [],
  } as const;
  if (lowering.kind === "contraction") {
    const body = lowering.contraction(params, inputs, output);
    return { ...common, finishes: finishes(body), computes: computes(body), body };
  }
  if (lowering.kind !== "kernel") {
    throw new TypeError(`Cannot make a template as the lowering must be a kernel: current kind is ${lowering.kind}`);
  }
  if (lowering.loops) {
    const { writer, form } = lowering.loops;
    const kernel = writer(inputs, output, params as never);
    return { ...common, finishes: false, computes: [], body: { kind: "text", form, inputs, output, params: kernel } };
  }
  return {
    ...common,
    finishes: lowering.finishes ?? false,
    computes: lowering.computes?.(params, inputs) ?? [],
    body: { kind: "text", form: lowering.form, texts: lowering.texts, inputs, output, params },
  };
}

/**
 * Finds who writes the text of a kernel.
 *
 * @param kernel Its name, for errors.
 * @param body What it is.
 * @param device Name of the device.
 * @param own What a device from outside has for forms of the library.
 * @returns The writer.
 * @throws {DeviceError} If nobody has a text for the device.
 */
export function textWriter<W>(
  { name }: { readonly name: string },
  { form, texts = {} }: Pick<TextBody, "form" | "texts">,
  device: string,
  own: ReadonlyMap<KernelForm, W> = new Map(),
): W {
  const known = form && own.get(form) || ((form?.texts ?? texts) as Readonly<Record<string, W>>)[device];
  if (known) return known;
  const [current, remedy] = form
    ? [`form is ${form.name}`, "add the form to the table of the device"]
    : [`texts are ${Object.keys(texts).join(", ")}`, `add one as \`texts.${device}\` of its lowering`];
  throw new DeviceError(
    device,
    `Cannot compute ${name} on ${device} as its kernel must have a text for this device: current ${current}; ${remedy}, ` +
      "or compute where it has one",
  );
}
