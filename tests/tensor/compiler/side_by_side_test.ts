import { deepStrictEqual } from "node:assert/strict";
import { graphOf } from "../../../tensor/compiler/graph.ts";
import { lower } from "../../../tensor/compiler/lower.ts";
import type { Step } from "../../../tensor/compiler/kernel.ts";
import { add, grad, matmul, mul, reshape, square, sub, sum, type Tensor, transpose } from "../../../tensor/mod.ts";
import { sizeOf } from "../../../tensor/spec.ts";
import { placeholder } from "../../../tensor/tensor.ts";
import { batchNorm, initBatchNorm } from "../../../nn/mod.ts";

const LIMITS = { maxInputs: 16, maxBuffers: 32 };

/** Names of the launches of a function of tensors of the given shapes that run over as many elements as the first. */
function launches(f: (...args: Tensor[]) => readonly Tensor[], ...shapes: readonly (readonly number[])[]): string[] {
  const inputs = shapes.map((shape) => placeholder({ shape, dtype: "float32" }));
  const graph = graphOf({ inputs, outputs: f(...inputs), donated: new Set() });
  const { schedule } = lower(graph, new Set(), LIMITS);
  return schedule.steps.filter(({ kernel }) => {
    if (kernel.kind === "template") return true;
    return sizeOf(kernel.kind === "map" ? kernel.shape : [...kernel.shape, ...kernel.reduceShape]) ===
      sizeOf(shapes[0]!);
  }).map(nameOf);
}

function nameOf({ kernel }: Step): string {
  if (kernel.kind === "template") return kernel.name;
  if (kernel.kind === "map") return `map ${kernel.values.length}`;
  return `reduce ${kernel.results.length}${kernel.stores.length > 0 ? ` store ${kernel.stores.length}` : ""}`;
}

Deno.test("Maps that read one tensor are one launch, also through reshapes", () => {
  deepStrictEqual(launches((x, y) => [mul(x, y), add(reshape(x, [12_000]), 1)], [4000, 3], [4000, 3]), ["map 2"]);
});

Deno.test("Maps of large tensors that share nothing stay apart; of small ones they are one launch", () => {
  deepStrictEqual(launches((x, y) => [mul(x, 2), add(y, 1)], [90_000], [90_000]), ["map 1", "map 1"]);
  deepStrictEqual(launches((x, y) => [mul(x, 2), add(y, 1)], [90], [90]), ["map 2"]);
});

Deno.test("A map and its consumers are one launch: what the first makes is at hand", () => {
  const f = (x: Tensor, y: Tensor) => {
    const z = mul(add(x, y), y);
    return [z, sum(square(z), { axis: 0 }), sum(z, { axis: 0 }), mul(z, x)];
  };
  deepStrictEqual(launches(f, [5000, 8], [5000, 8]), ["reduce 2 store 2"]);
});

Deno.test("What is read transposed, or reduced before it is read, is not at hand", () => {
  const turned = (x: Tensor, y: Tensor) => {
    const z = mul(x, y);
    return [z, add(transpose(z), x)];
  };
  deepStrictEqual(launches(turned, [90, 90], [90, 90]), ["map 1", "map 1"]);
  const centred = (x: Tensor) => {
    const total = sum(x, { axis: 0 });
    return [total, sub(x, total)];
  };
  deepStrictEqual(launches(centred, [5000, 8]), ["reduce 1", "map 1"]);
});

Deno.test("No launch moves past one that needs its result", () => {
  const f = (x: Tensor, y: Tensor) => {
    const total = sum(mul(x, y));
    const scaled = mul(x, total);
    return [sum(mul(scaled, y), { axis: 0 }), sum(square(scaled), { axis: 0 }), total];
  };
  deepStrictEqual(launches(f, [5000, 8], [5000, 8]), ["reduce 1", "reduce 2"]);
});

Deno.test("Launches far apart that share memory are one, in whatever order a program was written", () => {
  const moments = (shapes: readonly Tensor[]) => {
    const [first, second] = [add, sub].map((f) => shapes.map((x) => f(x, square(x))));
    return [...first!, ...second!];
  };
  const shape = [5000]; // above what is joined without sharing anything
  deepStrictEqual(
    launches((...xs) => moments(xs), ...Array.from({ length: 100 }, () => shape)),
    Array.from({ length: 100 }, () => "map 2"),
  );
});

Deno.test("Launches far apart stay apart if a large temporary would live longer for it", () => {
  const reductions = (side: number) => {
    const f = (x: Tensor, y: Tensor, ...between: readonly Tensor[]) => {
      const early = sum(mul(matmul(x, y), x), { axis: 0 }); // could wait for the last one, but its product with it
      const others = between.map((z) => sum(square(z), { axis: 0 }));
      const late = sum(mul(x, others.reduce((a, b) => add(a, b))), { axis: 0 });
      return [early, ...others, late];
    };
    const shapes = Array.from({ length: 62 }, () => [side, side]);
    return launches(f, ...shapes).filter((name) => name.startsWith("reduce")).length;
  };
  deepStrictEqual([reductions(90), reductions(60)], [62, 61]);
});

Deno.test("Batch normalisation passes over the batch three times forward and twice backward", () => {
  const { state } = initBatchNorm(8);
  const f = (
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
  ) => [batchNorm({ weight, bias }, state, x, { train: true }).output];
  deepStrictEqual(launches(f, [50, 10, 10, 8], [8], [8]), ["reduce 1", "reduce 1", "map 1"]);
  const backward = (x: Tensor, weight: Tensor, bias: Tensor, cotangent: Tensor) =>
    Object.values(
      grad((p: Record<string, Tensor>) =>
        sum(mul(batchNorm({ weight: p.weight!, bias: p.bias! }, state, p.x!, { train: true }).output, cotangent))
      )({ x, weight, bias }) as Record<string, Tensor>,
    );
  deepStrictEqual(
    launches(backward, [50, 10, 10, 8], [8], [8], [50, 10, 10, 8]),
    ["reduce 1", "reduce 1", "reduce 2", "map 1"],
  );
});
