/** @file Writes ONNX models (onnx.ai/onnx/repo-docs/IR.html): a graph of operators and its weights, as protocol buffers. */
import { joinBytes } from "./bytes.ts";
import type { SafetensorsDType } from "./safetensors_header.ts";
import type { SafetensorsTensor } from "./safetensors.ts";

/** An attribute: an integer, integers, or a float, which must be told apart from an integer. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number };

/** An operator of a graph. */
export interface OnnxNode {
  /** Its name in the standard, such as `Conv`. */
  readonly op: string;
  /** Values that it takes: inputs of the graph, weights, outputs of nodes before it. */
  readonly inputs: readonly string[];
  /** Values that it makes. */
  readonly outputs: readonly string[];
  /** Its attributes. */
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** An input or output of a graph, float32. */
export interface OnnxValue {
  /** Its name. */
  readonly name: string;
  /** Sizes of its axes; a text names one that may be any. */
  readonly shape: readonly (number | string)[];
}

/** A graph with its weights. */
export interface OnnxModel {
  /** Name of the graph. */
  readonly name: string;
  /** Operators, each after those that it takes values of. */
  readonly nodes: readonly OnnxNode[];
  /** Weights by name: `F32`, `F64`, `I32` or `I64`. */
  readonly weights: ReadonlyMap<string, SafetensorsTensor>;
  /** What it is given. */
  readonly inputs: readonly OnnxValue[];
  /** What it gives. */
  readonly outputs: readonly OnnxValue[];
  /** Free text under names: preprocessing, classes. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What it is, for people. */
  readonly description?: string;
}

/** Version of the file format, and of the operators: those of ONNX 1.12. */
const [IR_VERSION, OPSET] = [8, 17];

/** Numbers of data types in the format. */
const TYPES: Partial<Readonly<Record<SafetensorsDType, number>>> = { F32: 1, I32: 6, I64: 7, F64: 11 };

/** Numbers of the kinds of attributes. */
const [FLOAT, INT, INTS] = [1, 2, 7];

/** A protocol buffer is at most this long. */
const MAX_BYTES = 2 ** 31 - 1;

type Part = readonly Uint8Array[];

/** A number in groups of seven bits, the lowest first. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

const int = (field: number, value: number): Part => [varint(field << 3), varint(value)];

function float(field: number, value: number): Part {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [varint(field << 3 | 5), bytes];
}

const sizeOf = (parts: Part): number => parts.reduce((size, part) => size + part.length, 0);
const message = (field: number, parts: Part): Part => [varint(field << 3 | 2), varint(sizeOf(parts)), ...parts];
const text = (field: number, value: string): Part => message(field, [new TextEncoder().encode(value)]);

function attribute(name: string, value: OnnxAttribute): Part {
  const [type, content] = typeof value === "number"
    ? [INT, int(3, value)]
    : "float" in value
    ? [FLOAT, float(2, value.float)]
    : [INTS, value.flatMap((item) => int(8, item))];
  return [...text(1, name), ...content, ...int(20, type)];
}

function node({ op, inputs, outputs, attributes = {} }: OnnxNode): Part {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(3, outputs[0] ?? op),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
  ];
}

function tensor(name: string, { dtype, shape, data }: SafetensorsTensor): Part {
  const type = TYPES[dtype];
  if (type === undefined) {
    throw new RangeError(
      `Cannot write ${name} as an ONNX weight as its type must be ${
        Object.keys(TYPES).join(", ")
      }: current type is ${dtype}`,
    );
  }
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [...shape.flatMap((axis) => int(1, axis)), ...int(2, type), ...text(8, name), ...message(9, [raw])];
}

function value({ name, shape }: OnnxValue): Part {
  const axes = shape.flatMap((axis) => message(1, typeof axis === "number" ? int(1, axis) : text(2, axis)));
  return [...text(1, name), ...message(2, message(1, [...int(1, TYPES.F32!), ...message(2, axes)]))];
}

function checkNames({ name, nodes, weights, inputs, outputs }: OnnxModel): void {
  const known = new Set([...weights.keys(), ...inputs.map((each) => each.name)]);
  const refuse = (requirement: string, current: string): never => {
    throw new RangeError(`Cannot write ${name} as an ONNX model as ${requirement}: current ${current}`);
  };
  for (const { op, inputs, outputs } of nodes) {
    const missing = inputs.find((each) => each !== "" && !known.has(each));
    if (missing !== undefined) refuse("values must be made before they are taken", `${op} takes ${missing}`);
    for (const each of outputs) {
      if (known.has(each)) refuse("a value must be made once", `${op} makes ${each} again`);
      known.add(each);
    }
  }
  const absent = outputs.find((each) => !known.has(each.name));
  if (absent) refuse("its outputs must be values of it", `output is ${absent.name}`);
}

/**
 * Encodes a model in ONNX (IR version 8, operators of opset 17).
 *
 * @param model Graph and weights.
 * @returns The parts of the file, weights not copied: for `writeFileAtomic`, or to be joined.
 * @throws {RangeError} If a value is taken that nothing makes, a weight has a type that is not known here, or the file
 * would have 2 GiB or more.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { encodeOnnx } from "@tessera/tessera/data";
 *
 * const value = (name: string) => ({ name, shape: ["N", 2] });
 * const bytes = encodeOnnx({
 *   name: "relu",
 *   nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }],
 *   weights: new Map(),
 *   inputs: [value("x")],
 *   outputs: [value("y")],
 * });
 * equal(bytes[1], 8); // IR version
 * ```
 */
export function encodeOnnx(model: OnnxModel): Uint8Array<ArrayBuffer> {
  return joinBytes(onnxParts(model));
}

/** As `encodeOnnx`, in parts, weights not copied. */
export function onnxParts(model: OnnxModel): readonly Uint8Array[] {
  checkNames(model);
  const { name, nodes, weights, inputs, outputs, metadata = {}, description = "" } = model;
  const graph = [
    ...nodes.flatMap((each) => message(1, node(each))),
    ...text(2, name),
    ...[...weights].flatMap(([key, each]) => message(5, tensor(key, each))),
    ...inputs.flatMap((each) => message(11, value(each))),
    ...outputs.flatMap((each) => message(12, value(each))),
  ];
  const parts = [
    ...int(1, IR_VERSION),
    ...text(2, "tessera"),
    ...text(6, description),
    ...message(7, graph),
    ...message(8, int(2, OPSET)),
    ...Object.entries(metadata).flatMap(([key, each]) => message(14, [...text(1, key), ...text(2, each)])),
  ];
  if (sizeOf(parts) <= MAX_BYTES) return parts;
  throw new RangeError(
    `Cannot write ${name} as an ONNX model as it must have less than 2 GiB: current size is ${sizeOf(parts)}`,
  );
}
