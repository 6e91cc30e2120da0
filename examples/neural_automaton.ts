/**
 * @file A neural cellular automaton: one small rule, the same in every cell, grows a picture from a single cell.
 *
 *     deno task example:automaton
 *
 * After Mordvintsev et al., "Growing Neural Cellular Automata", Distill 2020. A cell sees itself and the slopes around it,
 * and changes its 12 numbers by a small network; `scan` repeats that, and gradients flow back through all steps. Ends with the error
 * beside the picture that was to grow, and a strip of it growing.
 */
// deno-lint-ignore-file no-console
import {
  add,
  concat,
  data,
  full,
  jit,
  maximum,
  mean,
  mul,
  nn,
  random,
  reshape,
  scan,
  sigmoid,
  slice,
  square,
  sub,
  take,
  type Tensor,
  tensor,
  valueAndGrad,
  zeros,
} from "@tessera/tessera";

const [SIZE, CHANNELS, HIDDEN] = [16, 12, 48];
const [GROWING, TRAINING] = [16, 280];

/** What is to grow: a flower of six leaves, as red, green, blue and how much is there. */
function flower(): Tensor {
  const centre = (SIZE - 1) / 2;
  const pixels = Array.from({ length: SIZE * SIZE }, (_, i) => {
    const [x, y] = [i % SIZE - centre, Math.floor(i / SIZE) - centre];
    const radius = Math.hypot(x, y);
    const edge = 5 + 1.8 * Math.cos(6 * Math.atan2(y, x));
    if (radius > edge) return [0, 0, 0, 0];
    return radius < 2.2 ? [0.95, 0.75, 0.1, 1] : [0.85 - 0.05 * radius, 0.15 + 0.03 * radius, 0.45 + 0.05 * radius, 1];
  });
  return tensor(pixels.flat(), { shape: [1, SIZE, SIZE, 4] });
}

/** One cell in the middle: all its numbers but the colours are 1. */
function seed(): Tensor {
  const values = new Float32Array(SIZE * SIZE * CHANNELS);
  const middle = (SIZE * Math.floor(SIZE / 2) + Math.floor(SIZE / 2)) * CHANNELS;
  values.fill(1, middle + 3, middle + CHANNELS);
  return tensor(values, { shape: [1, SIZE, SIZE, CHANNELS] });
}

/** What a cell sees of each channel: itself, and the slopes to the right and downwards (Sobel). */
const SENSES = [[0, 0, 0, 0, 1, 0, 0, 0, 0], [-1, 0, 1, -2, 0, 2, -1, 0, 1], [-1, -2, -1, 0, 0, 0, 1, 2, 1]];
const senses = tensor(
  Array.from({ length: 9 * CHANNELS * 3 }, (_, i) => {
    const [cell, sense] = [Math.floor(i / (3 * CHANNELS)), i % 3];
    return SENSES[sense]![cell]! / (sense === 0 ? 1 : 8);
  }),
  { shape: [3, 3, 1, 3 * CHANNELS] },
);

/** A rule that changes nothing yet. */
function init(key: Tensor) {
  const first = nn.initLinear(key, { inChannels: 3 * CHANNELS, outChannels: HIDDEN });
  return { first, second: { weight: zeros([HIDDEN, CHANNELS]), bias: zeros([CHANNELS]) } };
}
type Rule = ReturnType<typeof init>;

/** A step of all cells. What is far from anything that is there stays empty. */
function step({ first, second }: Rule, cells: Tensor): Tensor {
  const seen = nn.conv2d({ weight: senses }, cells, { padding: 1, groups: CHANNELS });
  const next = add(cells, nn.linear(second, nn.relu(nn.linear(first, seen))));
  const alive = nn.maxPool2d(slice(next, { start: [0, 0, 0, 3], size: [1, SIZE, SIZE, 1] }), {
    kernel: 3,
    padding: 1,
    stride: 1,
  });
  return mul(next, sigmoid(mul(sub(alive, 0.1), 40)));
}

/** Grows for some steps; `[steps, SIZE, SIZE, 4]` of all that was. */
function grow(rule: Rule, steps: number): Tensor {
  const body = (cells: Tensor) => {
    const next = step(rule, cells);
    return [next, reshape(slice(next, { start: [0, 0, 0, 0], size: [1, SIZE, SIZE, 4] }), [SIZE, SIZE, 4])] as const;
  };
  return scan(body, seed(), null, { length: steps })[1];
}

const goal = flower();
const start = init(random.key(0));
const rate = nn.cosineSchedule({ start: 8e-3, steps: TRAINING });
const optimizer = nn.chain(nn.clipByGlobalNorm(1), nn.adamw({ learningRate: rate, weightDecay: 0 }));
const train = jit((rule: Rule, state: ReturnType<typeof optimizer.init<Rule>>) => {
  // It shall be there at the end, and stay.
  const loss = (rule: Rule) =>
    mean(square(sub(slice(grow(rule, GROWING), { start: [GROWING - 4, 0, 0, 0], size: [4, SIZE, SIZE, 4] }), goal)));
  const [value, gradient] = valueAndGrad(loss)(rule);
  const [updates, next] = optimizer.update(gradient, state, rule);
  return { value, rule: nn.applyUpdates(rule, updates), state: next };
}, { donate: [0, 1] });

/** Trains, and tells how it goes. */
async function fit(): Promise<Rule> {
  let trained = { rule: start, state: optimizer.init(start) };
  for (let i = 0; i < TRAINING; i++) {
    const { value, ...next } = train(trained.rule, trained.state);
    if (i % 20 === 0) console.log(`step ${i}: error ${(await value.item()).toFixed(4)}`);
    trained = next;
  }
  return trained.rule;
}

const grown = grow(await fit(), GROWING);
const error = mean(square(sub(take(grown, tensor([GROWING - 1], { dtype: "int32" })), goal)));
console.log(`mean squared error after ${GROWING} steps: ${(await error.item()).toFixed(4)}`);
const shown = concat([take(grown, tensor([0, 2, 4, 6, 8, 10, 12, 14, 15], { dtype: "int32" })), goal]);
const onWhite = add(
  slice(shown, { start: [0, 0, 0, 0], size: [10, SIZE, SIZE, 3] }),
  sub(full([1], 1), slice(shown, { start: [0, 0, 0, 3], size: [10, SIZE, SIZE, 1] })),
);
const values = await maximum(onWhite, 0).data();
const images = Array.from({ length: 10 }, (_, i): data.Pixels => ({
  ...{ width: SIZE, height: SIZE, channels: 3 },
  data: Uint8Array.from(
    values.subarray(i * SIZE * SIZE * 3, (i + 1) * SIZE * SIZE * 3),
    (value) => Math.min(255, 255 * value),
  ),
}));
await Deno.mkdir("runs", { recursive: true });
await Deno.writeFile("runs/automaton.png", data.imageGrid([images], { enlarge: 8 }));
console.log("runs/automaton.png: growing, and the goal");
