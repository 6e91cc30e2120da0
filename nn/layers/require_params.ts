/** @file Parameters of layers: records of tensors. */
import { requireKind, requireTensor } from "../../tensor/parts.ts";

/** Refuses a record of which one of the parts named is no layer of a weight, perhaps with a bias. */
export function requireLayers(operation: string, params: unknown, parts: readonly string[]): void {
  requireParams(operation, params, []);
  const held = params as Readonly<Record<string, unknown>>;
  for (const part of parts) {
    requireParams(operation, held[part], ["weight"], { optional: ["bias"], argument: `params.${part}` });
  }
}

/** Refuses parameters that are no record, lack a tensor of a name, or hold something else under it. */
export function requireParams(
  operation: string,
  params: unknown,
  names: readonly string[],
  { optional = [], argument = "params" }: { readonly optional?: readonly string[]; readonly argument?: string } = {},
): void {
  requireKind(operation, argument, params, typeof params === "object" && params !== null, "a record of parameters");
  const held = params as Readonly<Record<string, unknown>>;
  const present = optional.filter((name) => held[name] !== undefined);
  for (const name of [...names, ...present]) requireTensor(operation, `${argument}.${name}`, held[name]);
}
