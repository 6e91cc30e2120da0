/**
 * @file A transformer learns to write, character by character, from the prose of `docs/`.
 *
 *     deno task example:text
 *
 * Two blocks of causal attention over 64 characters. Ends with the bits a character of unseen text takes, beside those of
 * its frequencies alone, and a few lines that the model makes up.
 */
// deno-lint-ignore-file no-console
import {
  add,
  argmax,
  at,
  div,
  jit,
  log,
  mul,
  neg,
  nn,
  ones,
  random,
  type Tensor,
  tensor,
  valueAndGrad,
} from "@tessera/tessera";

const [CONTEXT, WIDTH, BLOCKS, HEADS, BATCH, STEPS] = [64, 64, 2, 4, 16, 300];

/** All pages of a folder, one after the other. */
async function pagesOf(folder: URL): Promise<string> {
  const entries = (await Array.fromAsync(Deno.readDir(folder))).toSorted((a, b) => a.name < b.name ? -1 : 1);
  const texts = await Promise.all(entries.map(({ name, isDirectory }) => {
    if (isDirectory) return pagesOf(new URL(`${name}/`, folder));
    return name.endsWith(".md") ? Deno.readTextFile(new URL(name, folder)) : "";
  }));
  return texts.join("");
}

const pages = await pagesOf(new URL("../docs/", import.meta.url));
const text = pages.split("\n").filter((line) => !/^\s*\|/.test(line)).join("\n"); // tables are no prose
const alphabet = [...new Set(text)].sort();
const codeOf = new Map(alphabet.map((character, i) => [character, i]));
const codes = Int32Array.from(text, (character) => codeOf.get(character)!);
const split = Math.floor(codes.length * 0.9);

/** Characters `[B, T + 1]` that begin at each of the places. */
function windows(places: readonly number[]): Tensor {
  const rows = places.map((place) => codes.slice(place, place + CONTEXT + 1));
  return tensor(Int32Array.from(rows.flatMap((row) => [...row])), { shape: [rows.length, CONTEXT + 1] });
}

function initBlock(key: Tensor) {
  const [attention, wide, narrow] = random.split(key, 3);
  return {
    attentionNorm: { weight: ones([WIDTH]) },
    attention: nn.initMultiHeadAttention(attention, { channels: WIDTH }),
    mixNorm: { weight: ones([WIDTH]) },
    wide: nn.initLinear(wide, { inChannels: WIDTH, outChannels: 4 * WIDTH }),
    narrow: nn.initLinear(narrow, { inChannels: 4 * WIDTH, outChannels: WIDTH }),
  };
}

function init(key: Tensor) {
  const [characters, places, output, blocks] = random.split(key, 4);
  return {
    characters: nn.initEmbedding(characters, { tokens: alphabet.length, channels: WIDTH, deviation: 0.1 }),
    places: mul(random.normal(places, [CONTEXT, WIDTH]), 0.1),
    blocks: [...random.split(blocks, BLOCKS)].map(initBlock),
    norm: { weight: ones([WIDTH]) },
    output: nn.initLinear(output, { inChannels: WIDTH, outChannels: alphabet.length }),
  };
}
type Params = ReturnType<typeof init>;

/** Scores of the next character at each place, `[B, T, alphabet]`. */
function model({ characters, places, blocks, norm, output }: Params, tokens: Tensor): Tensor {
  const embedded = add(nn.embedding(characters, tokens), places);
  const last = blocks.reduce((x, block) => {
    const attended = nn.multiHeadAttention(block.attention, nn.rmsNorm(block.attentionNorm, x), {
      heads: HEADS,
      causal: true,
    });
    const y = add(x, attended);
    return add(y, nn.linear(block.narrow, nn.gelu(nn.linear(block.wide, nn.rmsNorm(block.mixNorm, y)))));
  }, embedded);
  return nn.linear(output, nn.rmsNorm(norm, last));
}

/** Mean surprise of the characters after the first, in nats. */
function loss(params: Params, tokens: Tensor): Tensor {
  const upTo = (from: number) => at(tokens, ["...", { start: from, stop: from + CONTEXT }]).get();
  return nn.crossEntropy(model(params, upTo(0)), upTo(1));
}

const params = init(random.key(0));
const rate = nn.warmupCosine({ peak: 3e-3, warmup: 30, total: STEPS });
const optimizer = nn.chain(nn.clipByGlobalNorm(1), nn.adamw({ learningRate: rate, mask: nn.notNormOrBias }));
const step = jit((params: Params, state: ReturnType<typeof optimizer.init<Params>>, tokens: Tensor) => {
  const [value, gradients] = valueAndGrad(loss)(params, tokens);
  const [updates, next] = optimizer.update(gradients, state, params);
  return { value, params: nn.applyUpdates(params, updates), state: next };
}, { donate: [0, 1] });

/** Trains, and tells how it goes. */
async function fit() {
  let train = { params, state: optimizer.init(params) };
  const draws = await random.uniform(random.key(1), [STEPS, BATCH]).data();
  for (let i = 0; i < STEPS; i++) {
    const places = [...draws.subarray(i * BATCH, (i + 1) * BATCH)].map((u) => Math.floor(u * (split - CONTEXT - 1)));
    const { value, ...next } = step(train.params, train.state, windows(places));
    if (i % 50 === 0) console.log(`step ${i}: ${(await value.item() / Math.LN2).toFixed(2)} bits a character`);
    train = next;
  }
  return train;
}

const train = await fit();

const starts = Array.from({ length: 40 }, (_, i) => split + i * Math.floor((codes.length - split - CONTEXT - 1) / 40));
const bits = await jit(loss)(train.params, windows(starts)).item() / Math.LN2;
const counts = alphabet.map((_, i) => codes.subarray(0, split).filter((code) => code === i).length + 1);
const total = counts.reduce((sum, count) => sum + count);
const alone = starts.flatMap((from) => [...codes.subarray(from + 1, from + CONTEXT + 1)])
  .reduce((sum, code, _, all) => sum - Math.log2(counts[code]! / total) / all.length, 0);
console.log(`unseen text: ${bits.toFixed(2)} bits a character; by frequencies alone ${alone.toFixed(2)}`);

/** The next character after the last 64, drawn by Gumbel noise at temperature 0.7. */
const next = jit((params: Params, tokens: Tensor, key: Tensor) => {
  const scores = at(model(params, tokens), [0, -1]).get();
  const gumbel = neg(log(neg(log(random.uniform(key, [alphabet.length], { min: 1e-9 })))));
  return argmax(add(div(scores, 0.7), gumbel));
});
const written = [...codes.subarray(0, CONTEXT)];
for (let i = 0; i < 300; i++) {
  const tokens = tensor(written.slice(-CONTEXT), { dtype: "int32", shape: [1, CONTEXT] });
  written.push(await next(train.params, tokens, random.foldIn(random.key(2), i)).item());
}
console.log(written.slice(CONTEXT).map((code) => alphabet[code]).join(""));
