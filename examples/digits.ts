/**
 * @file A small convolutional network reads noisy digits: layers, batch norm, dropout, an optimizer with a schedule.
 *
 *     deno task example:digits
 *
 * The digits are drawn here: bitmaps of 5×7, shifted, sheared and blurred into 16×16 pixels of noise. Ends with the share
 * of 1,000 unseen digits that is read right, and a picture of some with what was read.
 */
// deno-lint-ignore-file no-console
import { argmax, data, jit, nn, random, reshape, take, type Tensor, tensor, valueAndGrad } from "@tessera/tessera";

const GLYPHS = [
  "01110 10001 10011 10101 11001 10001 01110",
  "00100 01100 00100 00100 00100 00100 01110",
  "01110 10001 00001 00110 01000 10000 11111",
  "11111 00010 00100 00010 00001 10001 01110",
  "00010 00110 01010 10010 11111 00010 00010",
  "11111 10000 11110 00001 00001 10001 01110",
  "00110 01000 10000 11110 10001 10001 01110",
  "11111 00001 00010 00100 01000 01000 01000",
  "01110 10001 10001 01110 10001 10001 01110",
  "01110 10001 10001 01111 00001 00010 01100",
].map((glyph) => glyph.split(" "));
const SIZE = 16;

/** A digit of class `label` in noise, as numbers of one draw of the seed. */
function drawDigit(label: number, draw: () => number): number[] {
  const [scale, shear, left, top] = [1.5 + draw() * 0.6, draw() * 0.5 - 0.25, draw() * 5, draw() * 3];
  return Array.from({ length: SIZE * SIZE }, (_, i) => {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE)];
    const row = (y - top) / scale;
    const column = (x - left) / scale - shear * (row - 3);
    const ink = GLYPHS[label]?.[Math.floor(row)]?.[Math.floor(column)] === "1" ? 1 : 0;
    return 0.7 * ink + 0.5 * draw();
  });
}

/** `count` digits: images `[count, 16, 16, 1]` and labels. */
async function digits(key: Tensor, count: number): Promise<{ images: Tensor; labels: Tensor }> {
  const numbers = await random.uniform(key, [count * (4 + SIZE * SIZE)]).data();
  let at = 0;
  const classes = Array.from({ length: count }, (_, i) => i % 10);
  const pixels = classes.flatMap((label) => drawDigit(label, () => numbers[at++]!));
  return {
    images: tensor(pixels, { shape: [count, SIZE, SIZE, 1] }),
    labels: tensor(classes, { dtype: "int32" }),
  };
}

/** Parameters and running statistics of two convolutions and a linear layer. */
function init(key: Tensor) {
  const [first, second, last] = random.split(key, 3);
  const norms = [nn.initBatchNorm(16), nn.initBatchNorm(32)] as const;
  return {
    params: {
      convs: [
        nn.initConv2d(first, { inChannels: 1, outChannels: 16, kernel: 3 }),
        nn.initConv2d(second, { inChannels: 16, outChannels: 32, kernel: 3 }),
      ],
      norms: norms.map(({ params }) => params),
      head: nn.initLinear(last, { inChannels: 32 * 16, outChannels: 10 }),
    },
    state: norms.map(({ state }) => state),
  };
}
type Params = ReturnType<typeof init>["params"];
type State = ReturnType<typeof init>["state"];

/** Scores of ten classes; a key makes it training, with dropout. */
function model(params: Params, state: State, images: Tensor, key?: Tensor): { scores: Tensor; state: State } {
  let x = images;
  const after = params.convs.map((conv, i) => {
    const normed = nn.batchNorm(params.norms[i]!, state[i]!, nn.conv2d(conv, x, { padding: 1 }), { train: !!key });
    x = nn.maxPool2d(nn.relu(normed.output), { kernel: 2, stride: 2 });
    return normed.state;
  });
  const flat = nn.dropout(reshape(x, [images.shape[0]!, -1]), { rate: 0.3, ...key ? { key } : {} });
  return { scores: nn.linear(params.head, flat), state: after };
}

const [STEPS, BATCH] = [120, 100];
const { params, state } = init(random.key(0));
const rate = nn.cosineSchedule({ start: 3e-3, steps: STEPS });
const optimizer = nn.adamw({ learningRate: rate, weightDecay: 0.05, mask: nn.notNormOrBias });
const start = { params, state, optimizer: optimizer.init(params) };

const step = jit((train: typeof start, images: Tensor, labels: Tensor, key: Tensor) => {
  const loss = (params: Params) => {
    const { scores, state } = model(params, train.state, images, key);
    return [nn.crossEntropy(scores, labels), state] as const;
  };
  const [[value, state], gradients] = valueAndGrad(loss, { hasAux: true })(train.params);
  const [updates, next] = optimizer.update(gradients, train.optimizer, train.params);
  return { loss: value, train: { params: nn.applyUpdates(train.params, updates), state, optimizer: next } };
}, { donate: [0] });

const training = await digits(random.key(1), 2000);
/** Trains, and tells how it goes. */
async function fit() {
  let train = start;
  const order = await random.permutation(random.key(2), 2000).data();
  for (let i = 0; i < STEPS; i++) {
    const part = tensor(Int32Array.from({ length: BATCH }, (_, j) => order[(i * BATCH + j) % 2000]!));
    const [images, labels] = [take(training.images, part), take(training.labels, part)];
    const result = step(train, images, labels, random.foldIn(random.key(3), i));
    train = result.train;
    if (i % 20 === 0) console.log(`step ${i}: loss ${(await result.loss.item()).toFixed(3)}`);
  }
  return train;
}

const train = await fit();

const unseen = await digits(random.key(4), 1000);
const answers = argmax(model(train.params, train.state, unseen.images).scores, { axis: 1 });
const { accuracy } = nn.classificationScores(nn.confusionMatrix(unseen.labels, answers, 10));
console.log(`read right: ${(100 * await accuracy.item()).toFixed(1)} % of 1,000 unseen digits`);

/** The first 40 in rows of ten, what was read beside each: green if it is right, red if not. */
const [pixels, said] = [await unseen.images.data(), await answers.data()];
const cell = (i: number): data.Pixels => ({
  width: SIZE + 7,
  height: SIZE,
  channels: 3,
  data: Uint8Array.from({ length: SIZE * (SIZE + 7) * 3 }, (_, at) => {
    const [y, x, colour] = [Math.floor(at / 3 / (SIZE + 7)), Math.floor(at / 3) % (SIZE + 7), at % 3];
    if (x < SIZE) return 255 - 212 * pixels[i * SIZE * SIZE + y * SIZE + x]!;
    if (GLYPHS[said[i]!]![y - 5]?.[x - SIZE - 1] !== "1") return 255;
    return colour === (said[i] === i % 10 ? 1 : 0) ? 160 : 30;
  }),
});
const rows = [0, 1, 2, 3].map((row) => Array.from({ length: 10 }, (_, column) => cell(10 * row + column)));
await Deno.mkdir("runs", { recursive: true });
await Deno.writeFile("runs/digits.png", data.imageGrid(rows, { enlarge: 3 }));
console.log("runs/digits.png");
