/**
 * @file What a character RNN by `scan` takes until its first result is there, for sequences of 50, 100 and 200 steps.
 *
 *     deno task bench:scan [--device webgpu] [--rounds 5]
 *
 * One body is compiled whatever the length. Each measurement is a process of its own, as kernels are kept within one; the
 * lengths take turns. Prints medians: tracing and compiling the loss and its gradient, and a run of what is compiled.
 */
// deno-lint-ignore-file no-console
import { parseArgs } from "node:util";
import {
  add,
  dot,
  expandDims,
  jit,
  logSoftmax,
  mean,
  neg,
  oneHot,
  openDevice,
  random,
  scan,
  setDefaultDevice,
  takeAlongAxis,
  tanh,
  type Tensor,
  valueAndGrad,
  zeros,
} from "../tensor/mod.ts";
import { median } from "./statistics.ts";

const { values: args } = parseArgs({
  options: {
    device: { type: "string", default: "cpu" },
    rounds: { type: "string", default: "5" },
    length: { type: "string" },
  },
});
const LENGTHS = [50, 100, 200];
const [LETTERS, HIDDEN] = [27, 16];

/** Milliseconds of one process. */
interface Times {
  readonly compile: number;
  readonly run: number;
}

/** The gradient of a step's loss over a text of so many letters, compiled. */
function makeStep(length: number): () => readonly [Tensor, unknown] {
  const text = (key: number) => random.randint(random.key(key), [length], 0, LETTERS);
  const [inputs, targets] = [oneHot(text(0), LETTERS), expandDims(text(1), { axis: 1 })];
  const loss = ({ wx, wh, wy }: Record<"wx" | "wh" | "wy", Tensor>) => {
    const advance = (h: Tensor, x: Tensor) => {
      const next = tanh(add(dot(x, wx), dot(h, wh)));
      return [next, logSoftmax(dot(next, wy))] as const;
    };
    const [, scores] = scan(advance, zeros([HIDDEN]), inputs);
    return neg(mean(takeAlongAxis(scores, targets)));
  };
  const [wx, wh, wy] = [zeros([LETTERS, HIDDEN]), zeros([HIDDEN, HIDDEN]), zeros([HIDDEN, LETTERS])];
  const step = jit(valueAndGrad(loss));
  return () => step({ wx, wh, wy });
}

/** Measures in this process: the second call is compiled already. */
async function measure(length: number): Promise<Times> {
  const device = await openDevice(args.device);
  setDefaultDevice(device);
  await zeros([1]).data(); // the device itself is up
  const step = makeStep(length);
  const timed = async () => {
    const start = performance.now();
    await step()[0].item();
    return performance.now() - start;
  };
  const [first, run] = [await timed(), await timed()];
  device.close();
  return { compile: first - run, run };
}

/** Measures in a process of its own. */
async function apart(length: number): Promise<Times> {
  const command = ["run", "-A", "--no-check", import.meta.filename!, "--device", args.device, "--length", `${length}`];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: command }).output();
  if (success) return JSON.parse(new TextDecoder().decode(stdout));
  throw new Error(`Cannot measure as each process must end well: current error is ${new TextDecoder().decode(stderr)}`);
}

if (args.length) {
  console.log(JSON.stringify(await measure(Number(args.length))));
  Deno.exit();
}
const all: (readonly [number, Times])[] = [];
for (let round = 0; round < Number(args.rounds); round++) {
  for (const length of LENGTHS) all.push([length, await apart(length)]);
}
for (const length of LENGTHS) {
  const times = all.filter(([each]) => each === length).map(([, each]) => each);
  const [compile, run] = (["compile", "run"] as const).map((name) => median(times.map((each) => each[name])));
  console.log(
    `${args.device}, ${length} steps: compiled in ${compile!.toFixed(0)} ms, run in ${run!.toFixed(1)} ms ` +
      `(medians of ${times.length})`,
  );
}
