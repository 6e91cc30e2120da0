import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { bytesOf, type Draft } from "../../../tensor/compiler/schedule/draft.ts";
import { successions } from "../../../tensor/compiler/schedule/in_place.ts";
import { graphOf } from "../../../tensor/compiler/graph.ts";
import { lower } from "../../../tensor/compiler/lower.ts";
import { livesOf } from "../../../tensor/compiler/schedule/lives.ts";
import { planMemory } from "../../../tensor/compiler/schedule/plan.ts";
import { recompute } from "../../../tensor/compiler/schedule/recompute.ts";
import { reorder } from "../../../tensor/compiler/schedule/reorder.ts";
import {
  add,
  cpuDevice,
  div,
  grad,
  jit,
  matmul,
  mul,
  random,
  reshape,
  sin,
  square,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../../tensor/mod.ts";
import { gelu } from "../../../nn/mod.ts";
import { randomValues } from "../../support/random_values.ts";
import { draftOf, type Line, scheduleOf } from "./drafts.ts";

const peakOf = (draft: Draft) => Math.max(...livesOf(draft).bytes);

/** What each line computes, as text: equal before and after a program is rearranged. */
function meaning({ values, steps }: Draft): string {
  const texts = values.map((_, value) => `v${value}`);
  for (const { kernel, inputs, outputs } of steps) {
    const name = kernel.kind === "template" ? kernel.name : kernel.kind;
    const operands = inputs.map((input) => {
      ok(values[input]!.role === "input" || texts[input] !== `v${input}`, "a step reads what is not yet made");
      return texts[input];
    });
    outputs.forEach((output) => texts[output] = `${name}(${operands})`);
  }
  return values.flatMap(({ role }, value) => role === "output" ? [texts[value]] : []).join(";");
}

/** A network: products, activations that its backward half reads, gradients. */
const NETWORK: readonly Line[] = [
  ["a", 100, "=", "x"],
  ["ra", 100, "+", "a", "w"],
  ["b", 1000, "=", "ra"],
  ["rb", 1000, "+", "b", "w"],
  ["c", 1000, "=", "rb"],
  ["db", 1000, "=", "c", "w"],
  ["wb", 10, "=", "c", "rb"],
  ["gb", 1000, "+", "db", "b"],
  ["da", 100, "=", "gb", "w"],
  ["wa", 10, "=", "gb", "ra"],
  ["y", 1, "=", "da", "a", "wa", "wb"],
];

Deno.test("What a map made and nobody reads for long is made again: the peak falls, the meaning stays", () => {
  const { draft } = draftOf(NETWORK);
  const rearranged = recompute(draft);
  equal(meaning(rearranged), meaning(draft));
  ok(peakOf(rearranged) < peakOf(draft), `${peakOf(rearranged)} < ${peakOf(draft)}`);
  equal(rearranged.steps.length, draft.steps.length + 1);
});

Deno.test("A cheap product that nobody reads for long is made again, with the maps around it, if it may cost that", () => {
  const { draft } = draftOf([
    ["a", 1000, "*", "x"],
    ["ra", 1000, "+", "a", "w"],
    ["b", 1000, "*", "ra"], // from here on only `a` and `rb` are read
    ["rb", 1000, "+", "b", "w"],
    ["c", 4000, "=", "rb"],
    ["d", 1000, "=", "c"],
    ["e", 1000, "=", "d", "rb"],
    ["y", 1, "=", "e", "a"],
  ]);
  equal(draft.steps.length, recompute(draft).steps.length);
  const again = (share: number) => recompute(draft, { share, least: 100 });
  const rearranged = again(2);
  equal(meaning(rearranged), meaning(draft));
  deepStrictEqual([peakOf(draft), peakOf(rearranged)], [28000, 20000]);
  const products = (steps: Draft["steps"]) =>
    steps.filter(({ kernel }) => "flops" in kernel && kernel.flops > 0).length;
  deepStrictEqual([draft, rearranged, again(1), again(0.3)].map(({ steps }) => products(steps)), [2, 5, 3, 2]);
});

Deno.test("A weight gradient runs before an input gradient that takes more memory than it gives back", () => {
  const { draft, names } = draftOf(NETWORK);
  const rearranged = reorder(draft);
  equal(meaning(rearranged), meaning(draft));
  const order = rearranged.steps.flatMap(({ outputs }) => outputs.map((value) => names[value]));
  ok(order.indexOf("wb") < order.indexOf("db"), order.join());
  ok(peakOf(rearranged) < peakOf(draft));
});

Deno.test("A map is written over an operand of its size that dies there, and over nothing else", () => {
  const { draft, names } = draftOf([
    ["a", 100, "=", "x"],
    ["b", 100, "=", "x"],
    ["c", 100, "+", "a", "b"], // over a
    ["d", 100, "+", "c", "b"], // over c: b is read below
    ["e", 100, "=", "d", "b"], // a template works in no place
    ["y", 1, "=", "e"],
  ]);
  const pairs = [...successions(draft)].map(([output, input]) => `${names[output]} over ${names[input]}`);
  deepStrictEqual(pairs, ["c over a", "d over c"]);
  const bytes = (inPlace: boolean) => planMemory(scheduleOf(draft), { alignment: 4, inPlace }).bytes;
  deepStrictEqual([bytes(true), bytes(false)], [1200, 1200]);
  const without = draftOf([["a", 100, "=", "x"], ["b", 100, "+", "a", "w"], ["y", 1, "=", "b"]]).draft;
  const planned = (inPlace: boolean) => planMemory(scheduleOf(without), { alignment: 4, inPlace }).bytes;
  deepStrictEqual([planned(true), planned(false)], [400, 800]);
});

/** A program of random sizes and operands, which were made at most `reach` lines before. */
function randomDraft(seed: number, length = 30, reach = 8): Draft {
  const numbers = randomValues(seed, 7 * length, [0, 1]).values();
  const below = (n: number) => Math.floor(numbers.next().value! * n);
  const lines = Array.from({ length }, (_, i): Line => {
    const operands = Array.from(
      { length: 1 + below(2) },
      () => i === 0 ? "x" : `v${Math.max(0, i - 1 - below(reach))}`,
    );
    return [`v${i}`, 1 + below(3) * 50, (["=", "+", "*"] as const)[below(3)]!, ...operands];
  });
  return draftOf(lines).draft;
}

Deno.test("Rearranged random programs keep their meaning and their peak, and no two lives share bytes in a plan", () => {
  for (let seed = 0; seed < 40; seed++) {
    const draft = randomDraft(seed);
    const rearranged = recompute(reorder(draft), { share: seed % 2, least: 0 });
    equal(meaning(rearranged), meaning(draft), `seed ${seed}`);
    ok(peakOf(rearranged) <= peakOf(reorder(draft)));
    const schedule = scheduleOf(rearranged);
    const scratchBytes = schedule.steps.map((_, i) => i % 3 * 40);
    const plan = planMemory(schedule, { alignment: 8, inPlace: true, scratchBytes });
    const { makers, reads } = livesOf(rearranged);
    const over = successions(rearranged);
    const held = [...makers].map(([value, from]) => ({
      ...{ value, from, to: reads[value]!.at(-1) ?? from },
      ...{ offset: plan.offsets.get(value)!, bytes: bytesOf(schedule.values[value]!) },
    }));
    const scratch = [...plan.scratch].map(([step, offset]) => ({
      ...{ value: -1 - step, from: step, to: step, offset, bytes: scratchBytes[step]! },
    }));
    for (const a of [...held, ...scratch]) {
      ok(a.offset % 8 === 0 && a.offset + a.bytes <= plan.bytes);
      for (const b of [...held, ...scratch]) {
        if (
          a === b || a.to < b.from || b.to < a.from || over.get(a.value) === b.value || over.get(b.value) === a.value
        ) {
          continue;
        }
        ok(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset, `seed ${seed}: ${a.value}, ${b.value}`);
      }
    }
  }
});

/** A life with its place. */
interface Placed {
  readonly value: number;
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  offset: number;
}

/** Places by the rule itself: each at the lowest offset that is free for its life. */
function placedInOrder(lives: readonly Placed[], order: (a: Placed, b: Placed) => number): readonly Placed[] {
  const placed: Placed[] = [];
  for (const life of lives.map((life) => ({ ...life })).sort(order)) {
    const others = placed.filter(({ from, to }) => from <= life.to && to >= life.from);
    const free = (at: number) => others.every(({ offset, bytes }) => at + life.bytes <= offset || offset + bytes <= at);
    life.offset = Math.min(...[0, ...others.map(({ offset, bytes }) => offset + bytes)].filter(free));
    placed.push(life);
  }
  return placed.sort((a, b) => a.value - b.value);
}

/** Those that live at the peak first, unless the large ones first takes less. */
function plannedByRule(draft: Draft): ReadonlyMap<number, number> {
  const { makers, reads } = livesOf(draft);
  const lives = [...makers].map(([value, from]) => ({
    ...{ value, from, to: reads[value]!.at(-1) ?? from },
    ...{ bytes: bytesOf(draft.values[value]!), offset: 0 },
  }));
  const use = draft.steps.map((_, at) =>
    lives.reduce((sum, { from, to, bytes }) => from <= at && at <= to ? sum + bytes : sum, 0)
  );
  const peak = use.indexOf(Math.max(...use));
  const rank = ({ from, to }: Placed) => from <= peak && peak <= to ? to - from : -1;
  const large = (a: Placed, b: Placed) => b.bytes - a.bytes || a.from - b.from;
  const plans = [placedInOrder(lives, (a, b) => rank(b) - rank(a) || large(a, b)), placedInOrder(lives, large)];
  const [first, second] = plans.map((plan) => Math.max(...plan.map(({ offset, bytes }) => offset + bytes))) as [
    number,
    number,
  ];
  const chosen = plans[first === use[peak] || first < second ? 0 : 1]!;
  return new Map(chosen.map(({ value, offset }) => [value, offset]));
}

Deno.test("Each temporary lies at the lowest offset that is free for its life, whether lives are many or long", () => {
  for (const [seed, length, reach] of [[1, 300, 2], [2, 300, 8], [3, 300, 40], [4, 300, 300], [5, 40, 3]] as const) {
    const draft = randomDraft(seed, length, reach);
    deepStrictEqual(planMemory(scheduleOf(draft), { alignment: 4 }).offsets, plannedByRule(draft), `reach ${reach}`);
  }
});

Deno.test("A network of activations trains in the memory of its products alone", async () => {
  const device = cpuDevice({ threads: 1 });
  const loss = (w: Tensor, x: Tensor) => {
    let h = x;
    for (let i = 0; i < 4; i++) h = gelu(add(matmul(h, mul(w, i + 1)), 0.1));
    return sum(h);
  };
  const [w, x] = [mul(random.normal(random.key(0), [16, 16]), 0.1), random.normal(random.key(1), [4096, 16])];
  const gradient = jit(grad(loss), { device });
  const one = 4096 * 16 * 4;
  const { plannedBytes } = gradient.stats(w, x);
  // x, four products, and two more at the last gradient.
  ok(plannedBytes < 7.5 * one, `${plannedBytes / one} tensors`);
  const values = await gradient(w, x).data();
  ok(values.every(Number.isFinite));
  device.close();
});

Deno.test("Products that are made again have the same bits, and gradients need less memory for it", async () => {
  const device = cpuDevice({ threads: 1, tiles: "6x16" }); // more are made again there
  /** A wide layer: its product costs little to make again. The last product costs much, and pays for that. */
  const losses = (w: Tensor, x: Tensor): { loss: Tensor; wide: Tensor } => {
    const wide = matmul(x, w);
    const narrow = matmul(gelu(wide), transpose(w));
    const m = reshape(narrow, [512, 1024]);
    const long = matmul(transpose(m), matmul(m, matmul(transpose(m), m)));
    return { loss: sum(mul(sin(narrow), sum(long))), wide };
  };
  const [w, x] = [mul(random.normal(random.key(0), [8, 64]), 0.1), random.normal(random.key(1), [65536, 8])];
  const again = jit(grad((w: Tensor, x: Tensor) => losses(w, x).loss), { device });
  const kept = jit((w: Tensor, x: Tensor) => [grad((w: Tensor) => losses(w, x).loss)(w), losses(w, x).wide], {
    device,
  });
  ok(again.stats(w, x).flops > kept.stats(w, x).flops, "a product is made again");
  ok(again.stats(w, x).plannedBytes < kept.stats(w, x).plannedBytes);
  deepStrictEqual(await again(w, x).data(), await kept(w, x)[0]!.data());
  device.close();
});

Deno.test("No launch reads a value that is not made, in the fifth derivative of a quotient", () => {
  const weights = tensor([1, -0.5, 0.75]);
  const along = (f: (x: Tensor) => Tensor) => (x: Tensor) => grad((x: Tensor) => sum(mul(f(x), weights)))(x);
  const quotient = (x: Tensor, w: Tensor) => div(x, add(sum(square(w)), square(x)));
  const third = (x: Tensor, w: Tensor) => along(along(along((x) => quotient(x, w))))(x);
  const fifth = along(along((x) => third(x, add(mul(square(x), 0.5), 1))));
  const outputs = [sum(mul(fifth(tensor([0.4, -0.7, 1.1])), sin(weights)))];
  const graph = graphOf({ inputs: [], outputs, donated: new Set() });
  const { schedule } = lower(graph, new Set(), { maxInputs: 16, maxBuffers: 32 });
  const made = new Set(schedule.inputs);
  for (const { inputs, outputs } of schedule.steps) {
    deepStrictEqual(inputs.filter((value) => !made.has(value)), []);
    outputs.forEach((value) => made.add(value));
  }
});
