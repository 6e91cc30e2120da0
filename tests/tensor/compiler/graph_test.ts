/** @file Graphs as text: programs of equal text become the same kernels. */
import { deepStrictEqual, equal, notEqual } from "node:assert/strict";
import { graphKey, graphOf } from "../../../tensor/compiler/graph.ts";
import {
  add,
  checkpoint,
  cpuDevice,
  grad,
  matmul,
  mul,
  ones,
  sub,
  sum,
  tanh,
  type Tensor,
  tensor,
  transpose,
} from "../../../tensor/mod.ts";

const NONE: ReadonlySet<number> = new Set();

function keyOf(outputs: readonly Tensor[], donated = NONE): string {
  return graphKey(graphOf({ inputs: [], outputs, donated }), donated);
}

/** Programs that differ from each other; each makes its tensors anew. */
const PROGRAMS: Readonly<Record<string, () => readonly Tensor[]>> = {
  "a sum": () => [add(tensor([1, 2]), tensor([3, 4]))],
  "of one tensor twice": () => {
    const x = tensor([1, 2]);
    return [add(x, x)];
  },
  "of another shape": () => [add(tensor([1, 2, 3]), tensor([3, 4, 5]))],
  "of another dtype": () => [add(tensor([1, 2], { dtype: "int32" }), tensor([3, 4], { dtype: "int32" }))],
  "a difference": () => [sub(tensor([1, 2]), tensor([3, 4]))],
  "with a constant": () => [mul(tensor([1, 2]), 0.5)],
  "with another constant": () => [mul(tensor([1, 2]), 0.25)],
  "two results": () => [mul(tensor([1, 2]), 0.5), sum(tensor([1, 2]))],
  "two results the other way": () => [mul(tensor([1, 2]), 0.5), sum(tensor([1, 2]))].reverse(),
  "a transposition": () => [transpose(add(ones([2, 3]), tensor([[1, 2, 3], [4, 5, 6]])), [1, 0])],
  "a checkpointed gradient":
    () => [grad((x: Tensor) => sum(checkpoint((y: Tensor) => mul(tanh(y), y))(x)))(tensor([1]))],
};

Deno.test("a program made again has the key that it had, whatever its values; no other program has it", () => {
  const keys = Object.entries(PROGRAMS).map(([name, make]) => {
    equal(keyOf(make()), keyOf(make()), name);
    return keyOf(make());
  });
  equal(new Set(keys).size, keys.length);
  const inputs = [ones([2])];
  const graph = graphOf({ inputs, outputs: [add(inputs[0]!, 1)], donated: NONE });
  notEqual(graphKey(graph, NONE), graphKey(graph, new Set([0])));
});

Deno.test("a program that is computed again with other values has other results", async () => {
  const device = cpuDevice({ threads: 1 });
  try {
    for (let i = 0; i < 4; i++) {
      const [x, y] = [tensor([[i, 1]]), tensor([[2], [i]])];
      deepStrictEqual(await add(matmul(x, y), 1).data({ device }), new Float32Array([3 * i + 1]));
      deepStrictEqual(await sub(mul(x, 2), i).data({ device }), new Float32Array([i, 2 - i]));
    }
  } finally {
    device.close();
  }
});
