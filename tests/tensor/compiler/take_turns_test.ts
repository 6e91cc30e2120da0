/** @file Steps that depend on none of each other: which of them are one launch, and that they compute what each does alone. */
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { graphOf } from "../../../tensor/compiler/graph.ts";
import type { ScheduledProgram, Step } from "../../../tensor/compiler/kernel.ts";
import { lower } from "../../../tensor/compiler/lower.ts";
import { bytesOf, type Draft } from "../../../tensor/compiler/schedule/draft.ts";
import { lastReads, turnsOf } from "../../../tensor/compiler/schedule/in_place.ts";
import { planMemory } from "../../../tensor/compiler/schedule/plan.ts";
import { takeTurns } from "../../../tensor/compiler/schedule/take_turns.ts";
import {
  add,
  cpuDevice,
  type Device,
  exp,
  jit,
  max,
  mul,
  random,
  type Shape,
  square,
  sub,
  sum,
  type Tensor,
  webgpuDevice,
} from "../../../tensor/mod.ts";
import { placeholder } from "../../../tensor/tensor.ts";
import { adamw, applyUpdates, lamb, type Optimizer, sgd } from "../../../nn/mod.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { draftOf, type Line } from "./drafts.ts";

/** What each turn makes, by name. */
function turnsIn(lines: readonly Line[], keptBytes: number): string[] {
  const { draft, names } = draftOf(lines);
  const { steps } = takeTurns(draft, keptBytes);
  const turns = turnsOf(steps);
  return [...Map.groupBy(steps, (_, at) => turns[at]!).values()]
    .map((turn) => turn.flatMap(({ outputs }) => outputs.map((x) => names[x])).join(" "));
}

const CASES: readonly {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly kept: number;
  readonly turns: readonly string[];
}[] = [
  {
    name: "what does not depend on each other is one turn, what reads it another",
    lines: [["a", 9, "+", "x"], ["b", 5, "+", "y"], ["c", 9, "+", "a"], ["d", 5, "+", "b"], ["e", 9, "+", "c", "d"]],
    kept: 1,
    turns: ["a b", "c d", "e"],
  },
  {
    name: "a map goes up past a template to where what it reads is there, and no further",
    lines: [["a", 9, "+", "x"], ["t", 9, "=", "a"], ["b", 5, "+", "y"], ["c", 9, "+", "t"], ["d", 9, "+", "b", "c"]],
    kept: 1,
    turns: ["a b", "t", "c", "d"],
  },
  {
    name: "templates stay alone",
    lines: [["s", 9, "=", "x"], ["t", 9, "=", "y"], ["a", 9, "+", "s", "t"]],
    kept: 1,
    turns: ["s", "t", "a"],
  },
  {
    name: "what reads small things goes down to where it is read",
    lines: [["t", 9, "=", "x"], ["a", 9, "+", "t"], ["u", 9, "=", "t"], ["b", 9, "+", "u"], ["c", 9, "+", "a", "b"]],
    kept: 1,
    turns: ["t", "u", "a b", "c"],
  },
  {
    name: "large temporaries are not kept for it",
    lines: [
      ...["x", "y"].map((x): Line => [`t${x}`, 90_000, "=", x]),
      ...["x", "y"].flatMap((x): readonly Line[] => [[`a${x}`, 80_000, "+", x], [`b${x}`, 9, "=", `a${x}`, `t${x}`]]),
      ["c", 9, "+", "bx", "by"],
    ],
    kept: 80_000,
    turns: ["tx", "ty", "ax", "bx", "ay", "by", "c"],
  },
  {
    name: "unless they are few enough, and the peak of memory stays",
    lines: [
      ...["x", "y"].map((x): Line => [`t${x}`, 90_000, "=", x]),
      ["u", 9, "=", "tx", "ty"],
      ...["x", "y"].flatMap((x): readonly Line[] => [[`a${x}`, 80_000, "+", x], [`b${x}`, 9, "=", `a${x}`, "u"]]),
      ["c", 9, "+", "bx", "by"],
    ],
    kept: 640_000,
    turns: ["tx", "ty", "u", "ax ay", "bx", "by", "c"],
  },
  {
    name: "a peak that would grow keeps them apart, whatever may be kept",
    lines: [
      ...["x", "y"].flatMap((x): readonly Line[] => [[`a${x}`, 80_000, "+", x], [`b${x}`, 9, "=", `a${x}`]]),
      ["c", 9, "+", "bx", "by"],
    ],
    kept: 2 ** 28,
    turns: ["ax", "bx", "ay", "by", "c"],
  },
];

for (const { name, lines, kept, turns } of CASES) {
  Deno.test(`Turns: ${name}`, () => deepStrictEqual(turnsIn(lines, kept), turns));
}

Deno.test("Turns: of several that read a value in its last turn none may write over it", () => {
  const { draft: { steps } } = draftOf([["a", 9, "+", "x"], ["b", 9, "+", "x"], ["c", 9, "+", "x"]]);
  const [x] = steps[0]!.inputs as [number];
  const lastOf = (turns: readonly number[]) => lastReads(steps.map((step, i) => ({ ...step, turn: turns[i]! }))).get(x);
  deepStrictEqual(lastOf([0, 1, 2]), { turn: 2, step: 2 });
  deepStrictEqual(lastOf([0, 1, 1]), { turn: 1, step: null });
  deepStrictEqual(lastOf([0, 0, 1]), { turn: 1, step: 2 });
});

Deno.test("Turns: nobody waits for an exchange earlier than the program does", () => {
  const lines: readonly Line[] = [
    ...[["e", 9, "=", "x"], ["f", 9, "=", "y"], ["a", 9, "+", "z"], ["t", 9, "=", "a"]] as const,
    ...[["b", 9, "+", "e"], ["c", 9, "+", "e"], ["d", 9, "+", "f"], ["g", 9, "=", "b", "c", "d"]] as const,
  ];
  const { draft, names } = draftOf(lines);
  const exchanging = (step: Step): Step => {
    const { kernel, outputs: [made] } = step;
    if (kernel.kind !== "template" || !["e", "f"].includes(names[made!]!)) return step;
    return { ...step, kernel: { ...kernel, body: { kind: "exchange", exchange: { kind: "sum" } as never } } };
  };
  const { steps } = takeTurns({ ...draft, steps: draft.steps.map(exchanging) }, 1);
  // `d` would find `f` done beside `b`, but the program waits for it after `c`.
  deepStrictEqual(steps.map(({ outputs: [x] }) => names[x!]).join(" "), "e f a t b c d g");
  deepStrictEqual(turnsOf(steps), [0, 1, 2, 3, 4, 4, 5, 6]);
});

const SHAPES: readonly Shape[] = [[7], [64], [90, 90], [3, 3, 8, 16], [1], [5000, 3], [64], [129, 33], [2, 2, 64, 64]];

/** One step of an optimizer for parameters of many sizes. */
function update(optimizer: Optimizer, moments: number) {
  return (...leaves: Tensor[]): Tensor[] => {
    const count = SHAPES.length;
    const of = (k: number) => leaves.slice(k * count, (k + 1) * count);
    const { step, links } = optimizer.init(of(0));
    const named = { first: of(1), ...moments > 1 && { second: of(2) } };
    const state = { step, links: links.map((link) => "first" in link ? { ...link, ...named } : link) };
    const [updates, next] = optimizer.update(of(3), state as never, of(0));
    const kept = next.links.flatMap(({ first = [], second = [] }) => [first, second] as Tensor[][]).flat();
    return [...applyUpdates(of(0), updates), ...kept];
  };
}

/** Programs of tensors of all shapes, four times over. */
const PROGRAMS: readonly (readonly [name: string, f: (...xs: Tensor[]) => Tensor[]])[] = [
  ["maps of one expression", (...xs) => xs.map((x) => add(mul(x, 0.9), 0.1))],
  ["maps of many expressions", (...xs) => xs.map((x, i) => [exp(x), square(x), sub(1, x)][i % 3]!)],
  ["sums of squares", (...xs) => xs.map((x) => sum(square(x)))],
  [
    "sums and maxima along either axis",
    (...xs) => xs.map((x, i) => i % 2 ? sum(x, { axis: 0 }) : max(x, { axis: -1 })),
  ],
  ["sums, and maps that read them", (...xs) => xs.map((x) => mul(x, sum(square(x))))],
  ["SGD", update(sgd({ learningRate: 0.1, momentum: 0.9 }), 1)],
  ["AdamW", update(adamw({ learningRate: 0.1, weightDecay: 0.1 }), 2)],
  ["LAMB", update(lamb({ learningRate: 0.1 }), 2)],
];

const ALL_SHAPES = [0, 1, 2, 3].flatMap(() => SHAPES);

/** Positive, as second moments are. */
const operands = () => ALL_SHAPES.map((shape, i) => square(random.normal(random.key(i), shape)));

/** The results of all programs, each with what it was given donated, and its launches. */
async function resultsOn(
  device: Device,
): Promise<readonly { launches: number; bits: readonly (readonly number[])[] }[]> {
  const found = [];
  for (const [, f] of PROGRAMS) {
    const run = jit((xs: Tensor[]) => f(...xs), { device, donate: [0] });
    const { launches } = run.stats(operands());
    const results = run(operands());
    const data = await Promise.all(results.map((x) => x.data()));
    found.push({ launches, bits: data.map((x) => [...new Uint32Array(x.buffer, x.byteOffset, x.length)]) });
  }
  return found;
}

/** Compares a device with one that runs each step by itself. Returns the programs of fewer launches. */
async function compare(device: Device, apart: Device): Promise<readonly string[]> {
  const [together, each] = [await resultsOn(device), await resultsOn(apart)];
  const fewer = PROGRAMS.filter(([name], i) => {
    deepStrictEqual(together[i]!.bits, each[i]!.bits, name);
    return together[i]!.launches < each[i]!.launches;
  });
  return fewer.map(([name]) => name);
}

for (const threads of [1, 2, 3]) {
  Deno.test(`Steps in one launch have the bits of each by itself: cpu, threads: ${threads}`, async () => {
    const [device, apart] = [cpuDevice({ threads }), cpuDevice({ threads: 1, onLaunch: () => {} })];
    const fewer = await compare(device, apart).finally(() => [device, apart].forEach((x) => x.close()));
    deepStrictEqual(fewer, PROGRAMS.map(([name]) => name));
  });
}

testWebgpu(
  "Steps in one launch have the bits of each by itself: webgpu, programs of few steps as they were",
  async (device) => {
    const apart = await webgpuDevice({ onLaunch: () => {} });
    const fewer = await compare(device, apart).finally(() => apart.close());
    ok(fewer.includes("sums, and maps that read them") && !fewer.includes("SGD"), `${fewer}`);
  },
);

/** Schedules a program whose operands may be written over. */
function scheduled(f: (...xs: Tensor[]) => Tensor[], turnBytes?: number): ScheduledProgram {
  const inputs = ALL_SHAPES.map((shape) => placeholder({ shape, dtype: "float32" }));
  const donated = new Set(inputs.keys());
  const limits = { maxInputs: 16, maxBuffers: 32, ...turnBytes !== undefined && { turnBytes } };
  return lower(graphOf({ inputs, outputs: f(...inputs), donated }), donated, limits).schedule;
}

/** Where values lie: `memory` tells apart what is planned and each value that is given or handed out. */
function rangesOf(schedule: ScheduledProgram, inPlace: boolean) {
  const { offsets } = planMemory(schedule, { alignment: 4, inPlace });
  return (x: number) => {
    const [memory, from] = offsets.has(x) ? [-1, offsets.get(x)!] : [schedule.aliases.get(x) ?? x, 0];
    return { memory, from, to: from + bytesOf(schedule.values[x]!) };
  };
}

function requireApart(schedule: ScheduledProgram, inPlace: boolean): void {
  const range = rangesOf(schedule, inPlace);
  const turns = turnsOf(schedule.steps);
  const overlap = (x: number, y: number) => {
    const [a, b] = [range(x), range(y)];
    return a.memory === b.memory && a.from < b.to && b.from < a.to;
  };
  for (const turn of Map.groupBy(schedule.steps, (_, at) => turns[at]!).values()) {
    for (const step of turn) {
      for (const other of turn) {
        if (other === step) continue;
        const touched = [...other.inputs, ...other.outputs];
        ok(!step.outputs.some((x) => touched.some((y) => overlap(x, y))), "a step writes where its neighbour works");
      }
    }
  }
}

for (const [name, f] of PROGRAMS) {
  Deno.test(`What a step of a turn writes is nothing that its neighbours touch: ${name}`, () => {
    const [alone, together] = [scheduled(f), scheduled(f, 2 ** 28)];
    equal(together.steps.length, alone.steps.length);
    equal(together.aliases.size, alone.aliases.size);
    for (const inPlace of [true, false]) {
      requireApart(together, inPlace);
      const bytes = (schedule: Draft & ScheduledProgram) => planMemory(schedule, { alignment: 4, inPlace }).bytes;
      ok(bytes(together) <= 1.01 * bytes(alone) + 2 ** 16, `${bytes(alone)} bytes alone, ${bytes(together)} together`);
    }
  });
}
