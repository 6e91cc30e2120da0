/** @file Parameters of layers: records of tensors. */
import { type Shape, ShapeError } from "../../tensor/core.ts";
import { requireKind, requireTensor, sameShape } from "../../tensor/parts.ts";

/** Refuses a record of which one of the parts named is no layer of a weight, perhaps with a bias. */
export function requireLayers(operation: string, params: unknown, parts: readonly string[]): void {
  requireParams(operation, params, []);
  const held = params as Readonly<Record<string, unknown>>;
  for (const part of parts) {
    requireParams(operation, held[part], ["weight"], { optional: ["bias"], argument: `params.${part}` });
  }
}

/** What is known of parameters. */
export interface ParamsOptions {
  /** Names that may be absent. */
  readonly optional?: readonly string[];
  /** What the record is called in errors, `params` by default. */
  readonly argument?: string;
  /** The shape of each: another one would be broadcast, or broadcast the features. */
  readonly shape?: Shape;
}

/** Refuses parameters that are no record, lack a tensor of a name, or hold something else under it. */
export function requireParams(
  operation: string,
  params: unknown,
  names: readonly string[],
  { optional = [], argument = "params", shape }: ParamsOptions = {},
): void {
  requireKind(operation, argument, params, typeof params === "object" && params !== null, "a record of parameters");
  const held = params as Readonly<Record<string, unknown>>;
  const present = optional.filter((name) => held[name] !== undefined);
  for (const name of [...names, ...present]) {
    const x = held[name];
    requireTensor(operation, `${argument}.${name}`, x);
    if (!shape || sameShape(x.shape, shape)) continue;
    throw new ShapeError(operation, `${argument}.${name} must be [${shape}]`, [x.shape]);
  }
}

/** Refuses parameters and statistics of batch normalisation that are not of so many channels. */
export function requireBatchNorm(operation: string, params: unknown, state: unknown, shape: Shape): void {
  requireParams(operation, params, ["weight", "bias"], { shape });
  requireParams(operation, state, ["runningMean", "runningVar"], { argument: "state", shape });
  requireParams(operation, state, ["count"], { argument: "state", shape: [] });
}
