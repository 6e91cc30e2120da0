import * as t from "@tessera/tessera/tensor";

const x = t.linspace(0, 6, 12);
const y = t.sin(x);

function kernel(a: t.Tensor, b: t.Tensor, scale: t.Tensor) {
  const distance = t.sub(t.expandDims(a, { axis: 1 }), b);
  return t.exp(t.mul(t.square(t.div(distance, scale)), -0.5));
}

function evidence(scale: t.Tensor) {
  const factor = t.linalg.cholesky(t.add(kernel(x, x, scale), t.mul(t.eye(12), 0.01)));
  const white = t.linalg.triangularSolve(factor, y, { lower: true });
  return t.add(t.mul(t.dot(white, white), 0.5), t.sum(t.log(t.diagonal(factor))));
}

const scale = t.tensor(1.5);
const [value, slope] = t.valueAndGrad(evidence)(scale);
const weights = t.linalg.solve(t.add(kernel(x, x, scale), t.mul(t.eye(12), 0.01)), y);
const predicted = t.dot(kernel(t.tensor([0.3, 2.2, 7]), x, scale), weights);
export const result: t.Tensor[] = [value, slope, predicted];
