/** @file Sparse tensors of blocks and of coordinates: what the same dense ones are, at the sites that are active. */
import { sparse, t } from "../../support/public_calls.ts";
import type { CooTensor } from "../../../sparse/coo/mod.ts";
import type { Shape, Tensor } from "../../../tensor/mod.ts";
import { floats } from "../../support/op_row.ts";
import { type ConformanceRow, op, type Rest } from "../row.ts";

const { coo } = sparse;
const int32 = (values: readonly number[]) => t.tensor(values, { dtype: "int32" });
/** Two blocks of 2 × 2 pixels of four, and another two. Made anew: what is derived of a pattern stays on one device. */
const pattern = () => sparse.patternFromMask([[[1, 0], [0, 1]]]);
const other = () => sparse.patternFromMask([[[1, 1], [0, 0]]]);
const blocks = (values: Tensor, at = pattern()) => sparse.sparseTensor(at, [2, 2], values);
const BLOCK: Shape = [2, 2, 2, 3];
const loose: Rest = { tolerance: { absolute: 1e-5, relative: 2e-5 } };
const rejectBlocks = { rejects: [() => blocks(t.ones([3, 2, 2, 1]))] };

const BLOCKS: readonly ConformanceRow[] = [
  op("sparse.sparseTensor", (v) => sparse.toDense(blocks(v!)), floats(BLOCK), "dense(a)", rejectBlocks),
  op("sparse.toDense", (v, token) => sparse.toDense(blocks(v!), token!), floats(BLOCK, [3]), "dense(a, b)", {
    rejects: [() => sparse.toDense(blocks(t.ones(BLOCK)), t.ones([2]))],
  }),
  op("sparse.gather", (x) => sparse.gather(x!, pattern()).values, floats([1, 4, 4, 3]), "at_blocks(a)", {
    rejects: [() => sparse.gather(t.ones([1, 5, 4, 3]), pattern())],
  }),
  op("sparse.mapValues", (v) => sparse.mapValues(blocks(v!), t.exp).values, floats(BLOCK), "np.exp(a)"),
  op(
    "sparse.coalesce",
    (v) => sparse.toDense(sparse.coalesce([[0, 0, 1], [0, 1, 0], [0, 0, 1]], v!, { gridShape: [1, 2, 2] })),
    floats([3, 2]),
    "np.stack([0 * a[0], a[0] + a[2], a[1], 0 * a[0]]).reshape(1, 2, 2, 2)",
    { rejects: [() => sparse.coalesce([[0, 0, 1]], t.ones([2, 1]), { gridShape: [1, 2, 2] })] },
  ),
  op(
    "sparse.add",
    (x, y) => sparse.toDense(sparse.add(blocks(x!), blocks(y!, other()))),
    floats(BLOCK, BLOCK),
    "dense(a) + dense(b, 0, OTHER)",
  ),
  op(
    "sparse.mul",
    (x, y) => sparse.toDense(sparse.mul(blocks(x!), blocks(y!, other()))),
    floats(BLOCK, BLOCK),
    "dense(a) * dense(b, 0, OTHER)",
  ),
  op(
    "sparse.conv",
    (v, w) => sparse.toDense(sparse.conv(blocks(v!), w!, { padding: 1 })),
    floats(BLOCK, [3, 3, 3, 4]),
    "active(conv(dense(a), b, 1, 1))",
    { ...loose, rejects: [() => sparse.conv(blocks(t.ones(BLOCK)), t.ones([3, 3, 2, 4]), { padding: 1 })] },
  ),
  op(
    "sparse.conv2d",
    (v, w) => sparse.toDense(sparse.conv2d(blocks(v!), w!, { stride: 2, padding: 1 })),
    floats(BLOCK, [3, 3, 3, 4]),
    "active(conv(dense(a), b, 2, 1))",
    loose,
  ),
  ...(["maxPool", "maxPool2d"] as const).map((name) =>
    op(
      `sparse.${name}`,
      (v) => sparse.toDense(sparse[name](blocks(v!), { kernel: 2, stride: 2 })),
      floats(BLOCK),
      "active(pool(F.max_pool2d, dense(a), 2))",
    )
  ),
  ...(["avgPool", "avgPool2d"] as const).map((name) =>
    op(
      `sparse.${name}`,
      (v) => sparse.toDense(sparse[name](blocks(v!), { kernel: 2, stride: 2 })),
      floats(BLOCK),
      "active(pool(F.avg_pool2d, dense(a), 2))",
    )
  ),
  op("sparse.toVoxels", (v) => sparse.toVoxels(blocks(v!)).values, floats(BLOCK), "voxels(a)"),
  op("sparse.toBlocks", (v) => sparse.toBlocks(sparse.toVoxels(blocks(v!)), [2, 2]).values, floats(BLOCK), "a"),
];

/** Entries of a matrix `[4, 3]`, one of them given twice; and entries of another. */
const [TWICE, ONCE] = [[[0, 1], [2, 0], [0, 1], [3, 2]], [[0, 1], [0, 2], [2, 0], [3, 2]]];
const matrix = (values: Tensor, indices = TWICE!) => coo.cooTensor(indices, values, [4, 3]);
const dense = (a: CooTensor) => coo.toDense(a);
const ENTRIES: Shape = [4];
const rejectEntries = { rejects: [() => matrix(t.ones([3]))] };

const COORDINATES: readonly ConformanceRow[] = [
  op("coo.cooTensor", (v) => dense(matrix(v!)), floats(ENTRIES), "matrix(a)", rejectEntries),
  op("coo.toDense", (v) => coo.toDense(coo.cooTensor(TWICE!, v!, [4, 3, 2])), floats([4, 2]), "matrix(a)"),
  op("coo.fromDense", (x) => dense(coo.fromDense(x!, { nse: 12 })), floats([4, 3]), "a"),
  op("coo.extract", (x) => coo.extract(matrix(t.ones([4]), ONCE), x!).values, floats([4, 3]), "a[tuple(ONCE)]", {
    rejects: [() => coo.extract(matrix(t.ones([4])), t.ones([3, 3]))],
  }),
  op("coo.mapValues", (v) => coo.mapValues(matrix(v!), t.exp).values, floats(ENTRIES), "np.exp(a)"),
  op("coo.coalesce", (v) => coo.coalesce(matrix(v!)).values, floats(ENTRIES), "matrix(a)[[0, 2, 3], [1, 0, 2]]"),
  op(
    "coo.add",
    (v, w) => dense(coo.add(matrix(v!), matrix(w!, ONCE))),
    floats(ENTRIES, ENTRIES),
    "matrix(a) + matrix(b, ONCE)",
  ),
  op(
    "coo.sub",
    (v, w) => dense(coo.sub(matrix(v!), matrix(w!, ONCE))),
    floats(ENTRIES, ENTRIES),
    "matrix(a) - matrix(b, ONCE)",
  ),
  op(
    "coo.mul",
    (v, w) => dense(coo.mul(matrix(v!), matrix(w!, ONCE))),
    floats(ENTRIES, ENTRIES),
    "matrix(a) * matrix(b, ONCE)",
  ),
  op("coo.transpose", (v) => dense(coo.transpose(matrix(v!))), floats(ENTRIES), "matrix(a).T"),
  op(
    "coo.slice",
    (v) => dense(coo.slice(matrix(v!), { start: [1, 0], size: [3, 2] })),
    floats(ENTRIES),
    "matrix(a)[1:, :2]",
  ),
  op(
    "coo.concat",
    (v, w) => dense(coo.concat([matrix(v!), matrix(w!, ONCE)])),
    floats(ENTRIES, ENTRIES),
    "np.concatenate([matrix(a), matrix(b, ONCE)])",
  ),
  op(
    "coo.matmul",
    (v, x, w) => [
      coo.matmul(matrix(v!), x!),
      dense(coo.matmul(matrix(v!), coo.transpose(matrix(w!, ONCE)))),
    ],
    floats(ENTRIES, [3, 5], ENTRIES),
    "[matrix(a) @ b, matrix(a) @ matrix(c, ONCE).T]",
    { ...loose, rejects: [() => coo.matmul(matrix(t.ones([4])), t.ones([4, 2]))] },
  ),
  op(
    "coo.sddmm",
    (x, y) => coo.sddmm(matrix(t.ones([4]), ONCE), x!, y!).values,
    floats([4, 5], [5, 3]),
    "(counted(a) @ counted(b))[tuple(ONCE)]",
    { ...loose, rejects: [() => coo.sddmm(matrix(t.ones([4])), t.ones([4, 5]), t.ones([4, 3]))] },
  ),
  op(
    "coo.sum",
    (v) => [coo.sum(matrix(v!)) as Tensor, dense(coo.sum(matrix(v!), { axis: 1 }) as CooTensor)],
    floats(ENTRIES),
    "[np.sum(counted(a)), np.sum(matrix(counted(a)), 1)]",
  ),
  op(
    "coo.softmax",
    (v) => coo.softmax(matrix(v!, ONCE)).values,
    floats(ENTRIES),
    "np.concatenate([special.softmax(floating(a[:2])), [1.0, 1.0]])",
  ),
  op(
    "coo.toCsr",
    (v) => coo.toCsr(matrix(v!)).values,
    floats(ENTRIES),
    "sparse.csr_matrix((a, tuple(TWICE)), (4, 3)).data",
  ),
  op(
    "coo.fromCsr",
    (v) => dense(coo.fromCsr({ indptr: int32([0, 2, 2, 3, 4]), indices: int32([1, 2, 0, 2]), values: v! }, [4, 3])),
    floats(ENTRIES),
    "matrix(a, ONCE)",
  ),
  op(
    "coo.fromVoxels",
    (v) => coo.fromVoxels(sparse.toVoxels(blocks(v!))).values,
    floats(BLOCK),
    "voxels(a).reshape(8, 3)",
  ),
  op(
    "coo.toVoxels",
    (v) => coo.toVoxels(coo.fromVoxels(sparse.toVoxels(blocks(v!)))).values,
    floats(BLOCK),
    "voxels(a)",
  ),
];

/** Sparse tensors. */
export const SPARSE_ROWS: readonly ConformanceRow[] = [...BLOCKS, ...COORDINATES];
