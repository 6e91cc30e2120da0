/** @file Elementwise chains: what they cost is the passage through memory, if the functions are fast enough. */
import { add, erf, exp, log, mul, random, sigmoid, square, sub, tanh, type Tensor } from "../tensor/mod.ts";
import { gelu, relu } from "../nn/mod.ts";
import { checkElements } from "./definitions.ts";
import { erfOf } from "../tensor/primitives/erf_of.ts";
import { benchKernel, runKernels } from "./kernel_benchmark.ts";

const SHAPE = [4096, 1024];
const BYTES = 4 * SHAPE[0]! * SHAPE[1]!;

interface Chain {
  readonly name: string;
  readonly program: (x: Tensor, y: Tensor) => Tensor;
  /** The same in float64. */
  readonly definition: (x: number, y: number) => number;
}

const CHAINS: readonly Chain[] = [
  { name: "add", program: (x, y) => add(x, y), definition: (x, y) => x + y },
  {
    name: "residual and relu",
    program: (x, y) => relu(add(mul(x, 1.5), y)),
    definition: (x, y) => Math.max(0, 1.5 * x + y),
  },
  { name: "exp", program: (x, y) => mul(exp(x), y), definition: (x, y) => Math.exp(x) * y },
  { name: "log", program: (x, y) => add(log(add(square(x), 1)), y), definition: (x, y) => Math.log(x * x + 1) + y },
  { name: "tanh", program: (x, y) => add(tanh(x), y), definition: (x, y) => Math.tanh(x) + y },
  { name: "sigmoid", program: (x, y) => mul(sigmoid(x), y), definition: (x, y) => y / (1 + Math.exp(-x)) },
  { name: "erf", program: (x, y) => add(erf(x), y), definition: (x, y) => erfOf(x) + y },
  {
    name: "gelu and residual",
    program: (x, y) => add(gelu(x), y),
    definition: (x, y) => 0.5 * x * (1 + erfOf(x * Math.SQRT1_2)) + y,
  },
  {
    name: "eight multiplications and subtractions",
    program: (x, y) => Array.from({ length: 8 }).reduce<Tensor>((z, _, i) => sub(mul(z, 0.5), i % 2 ? x : y), x),
    definition: (x, y) => Array.from({ length: 8 }).reduce<number>((z, _, i) => z * 0.5 - (i % 2 ? x : y), x),
  },
];

for (const { name, program, definition } of CHAINS) {
  benchKernel({
    group: "elementwise",
    name,
    bytes: 3 * BYTES,
    inputs: () => [random.normal(random.key(0), SHAPE), random.normal(random.key(1), SHAPE)],
    program,
    check: ([x, y], [result]) => checkElements(name, result!, 1, (at) => definition(x![at]!, y![at]!)),
  });
}

await runKernels();
