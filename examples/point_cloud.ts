/**
 * @file Solids told apart by points on their surface: a sparse convolutional network on voxels in three dimensions.
 *
 *     deno task example:points
 *
 * 400 noisy points of a sphere, a cube, a torus or a cone fall into a grid of 16³; of its 4,096 cells some 200 are there,
 * and only those are computed. Ends with the share of 80 unseen solids that is told right.
 */
// deno-lint-ignore-file no-console
import {
  argmax,
  at,
  div,
  jit,
  mul,
  nn,
  ones,
  random,
  reshape,
  segmentSum,
  sparse,
  type Tensor,
  tensor,
  valueAndGrad,
  zeros,
} from "@tessera/tessera";

const [GRID, POINTS, NAMES] = [16, 400, ["sphere", "cube", "torus", "cone"]] as const;

/** A point on a solid, of four numbers in [0, 1). */
const SURFACES: readonly ((u: number, v: number, w: number) => readonly [number, number, number])[] = [
  (u, v) => {
    const [z, angle] = [2 * u - 1, 2 * Math.PI * v];
    const r = Math.sqrt(1 - z * z);
    return [r * Math.cos(angle), r * Math.sin(angle), z];
  },
  (u, v, w) => {
    const face = Math.floor(6 * w);
    const point = [2 * u - 1, 2 * v - 1];
    point.splice(face % 3, 0, face < 3 ? 1 : -1);
    return point.map((x) => 0.75 * x) as unknown as [number, number, number];
  },
  (u, v) => {
    const [a, b] = [2 * Math.PI * u, 2 * Math.PI * v];
    const r = 0.7 + 0.3 * Math.cos(b);
    return [r * Math.cos(a), r * Math.sin(a), 0.3 * Math.sin(b)];
  },
  (u, v) => {
    const [height, angle] = [Math.sqrt(u), 2 * Math.PI * v];
    return [height * Math.cos(angle), height * Math.sin(angle), 1 - 2 * height];
  },
];

/** A rotation about a random axis, by a quaternion of four numbers. */
function rotation(q: readonly number[]): (p: readonly number[]) => readonly number[] {
  const length = Math.hypot(...q);
  const [w, x, y, z] = q.map((a) => a / length) as [number, number, number, number];
  return ([a, b, c]) => [
    (1 - 2 * (y * y + z * z)) * a! + 2 * (x * y - w * z) * b! + 2 * (x * z + w * y) * c!,
    2 * (x * y + w * z) * a! + (1 - 2 * (x * x + z * z)) * b! + 2 * (y * z - w * x) * c!,
    2 * (x * z - w * y) * a! + 2 * (y * z + w * x) * b! + (1 - 2 * (x * x + y * y)) * c!,
  ];
}

/** `count` solids as sparse volumes `[count, 16, 16, 16, 1]`, and their classes. */
async function solids(key: Tensor, count: number) {
  const draws = await random.uniform(key, [count * (4 + 6 * POINTS)], { min: 0, max: 1 }).data();
  let at = 0;
  const draw = () => draws[at++]!;
  const cells = Array.from({ length: count }, (_, i) => {
    const turn = rotation([draw(), draw(), draw(), draw()].map((x) => x - 0.5));
    const points = Array.from({ length: POINTS }, () => turn(SURFACES[i % 4]!(draw(), draw(), draw())));
    const keys = points.map((p) =>
      p.map((x) => Math.min(GRID - 1, Math.max(0, Math.floor((x + 0.1 * (draw() - 0.5) + 1.1) / 2.2 * GRID))))
    );
    const unique = new Map(keys.map((cell) => [cell.join(), [i, ...cell]]));
    return [...unique.values()];
  }).flat();
  const pattern = sparse.patternFromIndices(cells, [count, GRID, GRID, GRID]);
  return {
    volumes: sparse.sparseTensor(pattern, [1, 1, 1], ones([cells.length, 1, 1, 1, 1])),
    labels: tensor(Int32Array.from({ length: count }, (_, i) => i % 4)),
  };
}

const [a, b, c, d] = random.split(random.key(0), 4);
const start = {
  convs: [[1, 16], [16, 32], [32, 32]].map(([inChannels, outChannels], i) => ({
    weight: mul(random.normal([a, b, c][i]!, [3, 3, 3, inChannels!, outChannels!]), Math.sqrt(2 / (9 * inChannels!))),
    bias: zeros([outChannels!]),
  })),
  head: nn.initLinear(d, { inChannels: 32, outChannels: 4 }),
};
type Params = typeof start;

/** Three convolutions with stride 1, 2 and 2, a mean over each solid's cells, and scores `[B, 4]`. */
function model({ convs, head }: Params, volumes: sparse.SparseTensor): Tensor {
  const last = convs.reduce((x, { weight, bias }, i) => {
    const strided = i === 0 ? x : sparse.maxPool(x, { kernel: 2, stride: 2 });
    return sparse.mapValues(sparse.conv(strided, weight, { padding: 1, bias }), nn.relu);
  }, volumes);
  const { indices, gridShape } = last.pattern;
  const solid = at(indices, ["...", 0]).get(); // [P], which solid a cell belongs to
  const cells = reshape(last.values, [-1, 32]);
  const counts = segmentSum(ones([cells.shape[0]!, 1]), solid, { segments: gridShape[0] });
  return nn.linear(head, div(segmentSum(cells, solid, { segments: gridShape[0] }), counts));
}

const training = await solids(random.key(1), 120);
const optimizer = nn.adamw({ learningRate: 5e-3 });
const step = jit((params: Params, state: ReturnType<typeof optimizer.init<Params>>) => {
  const loss = (params: Params) => nn.crossEntropy(model(params, training.volumes), training.labels);
  const [value, gradients] = valueAndGrad(loss)(params);
  const [updates, next] = optimizer.update(gradients, state, params);
  return { value, params: nn.applyUpdates(params, updates), state: next };
}, { donate: [0, 1] });

/** Trains, and tells how it goes. */
async function fit() {
  let train = { params: start, state: optimizer.init(start) };
  for (let i = 0; i < 60; i++) {
    const { value, ...next } = step(train.params, train.state);
    if (i % 10 === 0) console.log(`step ${i}: loss ${(await value.item()).toFixed(3)}`);
    train = next;
  }
  return train;
}

const train = await fit();

const unseen = await solids(random.key(2), 80);
const answers = argmax(model(train.params, unseen.volumes), { axis: 1 });
const matrix = nn.confusionMatrix(unseen.labels, answers, 4);
const [rows, { accuracy }] = [await matrix.data(), nn.classificationScores(matrix)];
console.log(`told right: ${(100 * await accuracy.item()).toFixed(1)} % of 80 unseen solids`);
console.table(Object.fromEntries(NAMES.map((name, i) => [
  name,
  Object.fromEntries(NAMES.map((said, j) => [said, rows[4 * i + j]])),
])));
