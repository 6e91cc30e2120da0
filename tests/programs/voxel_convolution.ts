import * as sparse from "@tessera/tessera/sparse";
import * as t from "@tessera/tessera/tensor";

const sites = [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 1], [0, 2, 2, 0], [0, 3, 3, 3], [0, 3, 2, 3]];
const pattern = sparse.patternFromIndices(sites, [1, 4, 4, 4]);
const dense = t.reshape(t.sin(t.arange(128)), [1, 4, 4, 4, 2]);
const w = t.reshape(t.cos(t.arange(162)), [3, 3, 3, 2, 3]);

const convolved = (w: t.Tensor) => sparse.conv(sparse.gather(dense, pattern), w, { padding: 1 });
const y = sparse.toDense(convolved(w));
const gradient = t.grad((w: t.Tensor) => t.sum(t.square(convolved(w).values)))(w);
export const result: t.Tensor[] = [y, gradient];
