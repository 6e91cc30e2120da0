/** @file This library's side: `deno run -A bench/peers/tessera.ts cpu|webgpu`. */
import {
  conv2d,
  type Device,
  exp,
  grad,
  jit,
  log,
  matmul,
  mean,
  mul,
  openDevice,
  sub,
  sum,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { leaf, realize } from "../../tensor/kernel.ts";
import { relu } from "../../nn/mod.ts";
import { convProgram } from "../conv_program.ts";
import { type Input, type Program, serve } from "./side.ts";
import { CNN, labelsOf, type Work } from "./work.ts";

const device = await openDevice(Deno.args[0] ?? "cpu");

function onDevice({ shape, data }: Input, device: Device): Tensor {
  return leaf({ shape, dtype: "float32" }, { buffer: realize([tensor(data, { shape })], device)[0]! });
}

/** A product or a convolution. */
function contraction(work: Exclude<Work, { kind: "cnn" }>, inputs: readonly Tensor[]): Program {
  const f = work.kind === "matmul" ? (a: Tensor, b: Tensor) => matmul(a, b) : convProgram(work.geometry, work.part);
  const program = jit(f, { device });
  const compute = () => program(inputs[0]!, inputs[1]!);
  return {
    run: () => compute()[Symbol.dispose](),
    wait: () => device.synchronize(),
    result: async () => await compute().data({ device }) as Float32Array,
    drop: () => inputs.forEach((x) => x[Symbol.dispose]()),
  };
}

/** Cross-entropy of the small network. */
function cnnLoss(weights: readonly Tensor[], images: Tensor, targets: Tensor): Tensor {
  const [head, ...convs] = weights.toReversed() as [Tensor, ...Tensor[]];
  const maps = convs.toReversed().reduce((x, w) => relu(conv2d(x, w, { stride: 2, padding: 1 })), images);
  const logits = matmul(mean(maps, { axis: [1, 2] }), head); // [B, 10]
  return mean(sub(log(sum(exp(logits), { axis: 1 })), sum(mul(logits, targets), { axis: 1 })));
}

function trainingStep([images, ...weights]: readonly Tensor[]): Program {
  const labels = labelsOf(CNN.batch);
  const targets = tensor(labels.map((label) => Array.from({ length: CNN.classes }, (_, i) => Number(i === label))));
  const onDeviceTargets = leaf(targets, { buffer: realize([targets], device)[0]! });
  const step = jit((weights: readonly Tensor[], images: Tensor, targets: Tensor) => {
    const gradients = grad(cnnLoss)(weights, images, targets);
    return weights.map((w, i) => sub(w, mul(gradients[i]!, CNN.rate)));
  }, { device });
  const current = { weights };
  const advance = (weights: readonly Tensor[]) => step(weights, images!, onDeviceTargets);
  return {
    run: () => {
      const next = advance(current.weights);
      if (current.weights !== weights) current.weights.forEach((w) => w[Symbol.dispose]());
      current.weights = next as Tensor[];
    },
    wait: () => device.synchronize(),
    result: async () => {
      const parts = await Promise.all(advance(weights).map((w) => w.data({ device })));
      return Float32Array.from(parts.flatMap((part) => Array.from(part)));
    },
    drop: () => {},
  };
}

await serve((work, inputs) => {
  const tensors = Object.values(inputs).map((input) => onDevice(input, device));
  return work.kind === "cnn" ? trainingStep(tensors) : contraction(work, tensors);
});
