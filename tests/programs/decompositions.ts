import * as t from "@tessera/tessera/tensor";

const x = t.reshape(t.sin(t.square(t.arange(20))), [5, 4]);
const { u, s, vt } = t.linalg.svd(x);
const { q, r } = t.linalg.qr(x);
const { eigenvalues, eigenvectors } = t.linalg.eigh(t.matmul(x, x, { transposeA: true }));
const rebuilt = t.matmul(t.mul(u, s), vt);
const condition = t.grad((x: t.Tensor) => t.sum(t.log(t.linalg.svd(x).s)))(x);
const unsigned = [u, q, r, eigenvectors].map((x) => t.abs(x)); // signs of vectors are any
export const result: t.Tensor[] = [s, ...unsigned, eigenvalues, rebuilt, condition];
