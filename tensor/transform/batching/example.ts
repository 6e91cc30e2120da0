/** @file One example of a batch, while a function of examples runs: it has a shape and no values. */
import type { LeafSource } from "../../leaf_primitive.ts";
import type { Primitive } from "../../primitive.ts";
import type { TensorSpec } from "../../spec.ts";
import { Tensor } from "../../tensor.ts";

interface ExampleParams {
  readonly spec: TensorSpec;
  readonly source: LeafSource;
}

/** Its input is what it is an example of, so that whoever asks what it depends on is told. It is replaced before anything is computed. */
const EXAMPLE: Primitive<ExampleParams> = {
  name: "example",
  shapeRule: (_, { spec }) => spec,
  reference: (_, { spec }) => {
    throw new TypeError(`Cannot evaluate an example as vmap must have ended: current shape is [${spec.shape}]`);
  },
  vjpRule: (_, { shape }) => {
    throw new TypeError(
      `Cannot differentiate as a function inside vmap must not pull back to what vmap was given: current shape is [${shape}]`,
    );
  },
  lowering: { kind: "leaf" },
};

/**
 * The stand-in for one example.
 *
 * @param batch What is mapped.
 * @param spec Of one example.
 * @returns A tensor that is traced.
 */
export function exampleOf(batch: Tensor, { shape, dtype }: TensorSpec): Tensor {
  const spec = { shape, dtype };
  return new Tensor(spec, EXAMPLE as unknown as Primitive, [batch], { spec, source: null }, true);
}
