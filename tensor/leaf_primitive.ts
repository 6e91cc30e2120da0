import type { DeviceBuffer } from "./device.ts";
import type { Primitive } from "./primitive.ts";
import type { TensorSpec, TypedArray } from "./spec.ts";

/** Where the values of a leaf are. `null`: a placeholder of a traced function. */
export type LeafSource = { readonly host: TypedArray } | { readonly buffer: DeviceBuffer } | null;

/** The primitive of tensors that hold values. */
export const LEAF: Primitive<{ readonly spec: TensorSpec; readonly source: LeafSource }> = {
  name: "leaf",
  shapeRule: (_, { spec }) => spec,
  reference: (_, { source, spec }) => {
    if (source && "host" in source) return Float64Array.from(source.host as Float32Array);
    throw new TypeError(
      `Cannot evaluate a ${
        source ? "device buffer" : "placeholder"
      } as the caller must bind it: current shape is [${spec.shape}]`,
    );
  },
  vjpRule: () => [],
  lowering: { kind: "leaf" },
};
