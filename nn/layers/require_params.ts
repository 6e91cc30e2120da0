/** @file Parameters of layers: records of tensors. */
import { requireKind, requireTensor } from "../../tensor/parts.ts";

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
