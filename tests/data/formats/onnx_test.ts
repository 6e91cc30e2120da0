import { deepStrictEqual, throws } from "node:assert/strict";
import { FileTensor } from "../../../data/formats/file_tensor.ts";
import { encodeOnnx, type OnnxModel } from "../../../data/formats/onnx.ts";

const value = (name: string) => ({ name, shape: ["N", 2] });
const w = new FileTensor("F32", [2], Float32Array.of(1, -2));
const MODEL: OnnxModel = {
  name: "g",
  nodes: [{
    op: "Mul",
    inputs: ["x", "w"],
    outputs: ["y"],
    attributes: { axis: -1, eps: { float: 0.5 }, pads: [1, 300] },
  }],
  weights: new Map([["w", w]]),
  inputs: [value("x")],
  outputs: [value("y")],
  metadata: { model: "m" },
  description: "d",
};

/** What a message of protocol buffers holds: numbers, bits of 32, or bytes by field. */
function fieldsOf(bytes: Uint8Array): ReadonlyMap<number, (number | bigint | Uint8Array)[]> {
  const found = new Map<number, (number | bigint | Uint8Array)[]>();
  let at = 0;
  const varint = () => {
    let [result, shift] = [0n, 0n];
    for (;;) {
      const byte = BigInt(bytes[at++]!);
      result |= (byte & 127n) << shift;
      if (byte < 128n) return BigInt.asIntN(64, result);
      shift += 7n;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const kind = key & 7;
    const read = (): number | bigint | Uint8Array => {
      if (kind === 0) return Number(varint());
      const size = kind === 5 ? 4 : Number(varint());
      at += size;
      return bytes.slice(at - size, at);
    };
    found.set(key >> 3, [...found.get(key >> 3) ?? [], read()]);
  }
  return found;
}

const part = (bytes: unknown, field: number, index = 0) =>
  fieldsOf(bytes as Uint8Array).get(field)![index] as Uint8Array;
const text = (bytes: unknown, field: number) => new TextDecoder().decode(part(bytes, field));

Deno.test("encodeOnnx() writes versions, graph, operators, weights and metadata where the format has them", () => {
  const bytes = encodeOnnx(MODEL);
  const model = fieldsOf(bytes);
  deepStrictEqual([model.get(1), text(bytes, 6), fieldsOf(part(bytes, 8)).get(2)], [[8], "d", [17]]);
  deepStrictEqual([text(part(bytes, 14), 1), text(part(bytes, 14), 2)], ["model", "m"]);
  const graph = part(bytes, 7);
  const node = part(graph, 1);
  deepStrictEqual([text(graph, 2), text(node, 4), text(node, 1), text(node, 2)], ["g", "Mul", "x", "y"]);
  const [axis, eps, pads] = fieldsOf(node).get(5)!.map((each) => fieldsOf(each as Uint8Array));
  deepStrictEqual([axis!.get(3), axis!.get(20)], [[-1], [2]]);
  deepStrictEqual([eps!.get(2), eps!.get(20)], [[new Uint8Array(Float32Array.of(0.5).buffer)], [1]]);
  deepStrictEqual([pads!.get(8), pads!.get(20)], [[1, 300], [7]]);
  const weight = fieldsOf(part(graph, 5));
  deepStrictEqual([weight.get(1), weight.get(2)], [[2], [1]]);
  deepStrictEqual(weight.get(9), [new Uint8Array(w.data.buffer)]);
  const type = part(part(part(graph, 11), 2), 1);
  const axes = fieldsOf(part(type, 2)).get(1) as Uint8Array[];
  deepStrictEqual([fieldsOf(type).get(1), text(axes[0], 2), fieldsOf(axes[1]!).get(1)], [[1], "N", [2]]);
});

Deno.test("encodeOnnx() refuses graphs that no program could run", () => {
  const refused = (change: Partial<OnnxModel>, message: RegExp) =>
    throws(() => encodeOnnx({ ...MODEL, ...change }), message);
  const [node] = MODEL.nodes;
  refused({ nodes: [{ ...node!, inputs: ["z"] }] }, /values must be made before they are taken: current Mul takes z/);
  refused({ nodes: [node!, node!] }, /a value must be made once: current Mul makes y again/);
  refused({ outputs: [value("q")] }, /its outputs must be values of it: current output is q/);
  const half = new FileTensor("F16", [1], new Uint16Array(1));
  refused({ weights: new Map([["w", half]]) }, /Cannot write w as an ONNX weight .* current type is F16/);
});
