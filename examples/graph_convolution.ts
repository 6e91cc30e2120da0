/**
 * @file Graph convolution (Kipf and Welling 2017) on Zachary's karate club: who joins whom, known of two members only.
 *
 *     deno task example:graph
 *
 * Messages along edges are rows that are taken and summed by segments. Ends with the members whose side is told right.
 */
// deno-lint-ignore-file no-console
import {
  argmax,
  expandDims,
  eye,
  jit,
  mul,
  nn,
  ones,
  random,
  rsqrt,
  segmentSum,
  take,
  type Tensor,
  tensor,
  valueAndGrad,
} from "@tessera/tessera";

/** The 78 friendships (Zachary 1977): of each member, those with a higher number. */
const FRIENDS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31],
  1: [2, 3, 7, 13, 17, 19, 21, 30],
  2: [3, 7, 8, 9, 13, 27, 28, 32],
  3: [7, 12, 13],
  4: [6, 10],
  5: [6, 10, 16],
  6: [16],
  8: [30, 32, 33],
  9: [33],
  13: [33],
  14: [32, 33],
  15: [32, 33],
  18: [32, 33],
  19: [33],
  20: [32, 33],
  22: [32, 33],
  23: [25, 27, 29, 32, 33],
  24: [25, 27, 31],
  25: [31],
  26: [29, 33],
  27: [33],
  28: [31, 33],
  29: [32, 33],
  30: [32, 33],
  31: [32, 33],
  32: [33],
};
const MEMBERS = 34;
/** Who went with the instructor (member 0) when the club split; the others followed the president (member 33). */
const WITH_INSTRUCTOR = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21]);

const pairs = Object.entries(FRIENDS).flatMap(([from, others]) => others.map((to) => [Number(from), to] as const));
const int32 = (values: readonly number[]) => tensor(values, { dtype: "int32" });
const loops = Array.from({ length: MEMBERS }, (_, i) => i);
const from = int32([...pairs.flat(), ...loops]); // both directions of each edge, and each member's own
const to = int32([...pairs.flatMap(([a, b]) => [b, a]), ...loops]);

const degree = segmentSum(ones([from.shape[0]!]), to, { segments: MEMBERS }); // [34]
const weights = mul(take(rsqrt(degree), from), take(rsqrt(degree), to)); // [edges]

/** Each member's sum over friends, weighted by degrees: `D^-1/2 (A + I) D^-1/2 x`. */
function spread(x: Tensor): Tensor {
  const messages = mul(take(x, from), expandDims(weights, { axis: 1 })); // [edges, C]
  return segmentSum(messages, to, { segments: MEMBERS });
}

const [first, second] = random.split(random.key(0));
const start = {
  hidden: nn.initLinear(first, { inChannels: MEMBERS, outChannels: 8 }),
  output: nn.initLinear(second, { inChannels: 8, outChannels: 2 }),
};
type Params = typeof start;
const members = eye(MEMBERS); // nothing is known of a member but who it is
const model = ({ hidden, output }: Params) => spread(nn.linear(output, nn.relu(spread(nn.linear(hidden, members)))));

const labels = int32(loops.map((i) => i === 0 ? 0 : i === 33 ? 1 : -1)); // the two leaders; the others are unknown
const loss = (params: Params) => nn.crossEntropy(model(params), labels, { ignoreLabel: -1 });
const optimizer = nn.adamw({ learningRate: 0.02, weightDecay: 0.01 });
const step = jit((params: Params, state: ReturnType<typeof optimizer.init<Params>>) => {
  const [value, gradients] = valueAndGrad(loss)(params);
  const [updates, next] = optimizer.update(gradients, state, params);
  return { value, params: nn.applyUpdates(params, updates), state: next };
}, { donate: [0, 1] });

/** Trains, and tells how it goes. */
async function fit() {
  let train = { params: start, state: optimizer.init(start) };
  for (let i = 0; i <= 100; i++) {
    const { value, ...next } = step(train.params, train.state);
    if (i % 25 === 0) console.log(`step ${i}: loss ${(await value.item()).toFixed(4)}`);
    train = next;
  }
  return train;
}

const train = await fit();

const sides = await argmax(model(train.params), { axis: 1 }).data();
const wrong = loops.filter((i) => (sides[i] === 0) !== WITH_INSTRUCTOR.has(i));
console.log(`side told right: ${MEMBERS - wrong.length} of ${MEMBERS} members; wrong: ${wrong.join(", ") || "none"}`);
