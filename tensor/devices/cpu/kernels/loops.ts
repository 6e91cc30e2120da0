/** @file Kernels of loops as WebAssembly: one matrix is one work item. */
import type {
  Condition,
  LoopArithmetic,
  LoopBuffer,
  LoopKernel,
  LoopWords,
  Real,
  Statement,
  Whole,
} from "../../../compiler/kernel_loops.ts";
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import { float } from "../emit/operations.ts";
import * as wat from "../emit/wat.ts";
import type { Wat, WatType } from "../emit/wat.ts";

const whole = (x: Whole): Wat => typeof x === "number" ? wat.int(x) : x.whole;
const real = (x: Real): Wat => typeof x === "number" ? float(x) : x.real;
const asWhole = (text: Wat): Whole => ({ whole: text });
const asReal = (text: Wat): Real => ({ real: text });
const asCondition = (text: Wat): Condition => ({ condition: text });
const asStatement = (...texts: readonly Wat[]): Statement => ({ statement: wat.block(...texts) });

/** Names of local variables and their types, as they are needed. */
interface Locals {
  readonly types: Record<string, WatType>;
}

function fresh({ types }: Locals, type: WatType): string {
  const name = `${type}_${Object.keys(types).length}`;
  types[name] = type;
  return name;
}

const i2 = (name: string) => (a: Whole, b: Whole) => asWhole(`(i32.${name} ${whole(a)} ${whole(b)})`);
const f2 = (name: string) => (a: Real, b: Real) => asReal(`(f32.${name} ${real(a)} ${real(b)})`);
const f1 = (name: string) => (a: Real) => asReal(`(f32.${name} ${real(a)})`);

const ARITHMETIC: LoopArithmetic = {
  plus: (a, b) => asWhole(wat.add(whole(a), whole(b))),
  minus: (a, b) => asWhole(wat.sub(whole(a), whole(b))),
  times: i2("mul"),
  quotient: i2("div_u"),
  rest: i2("rem_u"),
  below: (a, b) => asCondition(`(i32.lt_s ${whole(a)} ${whole(b)})`),
  same: (a, b) => asCondition(`(i32.eq ${whole(a)} ${whole(b)})`),
  both: (a, b) => asCondition(`(i32.and ${a.condition} ${b.condition})`),
  either: (a, b) => asCondition(`(i32.or ${a.condition} ${b.condition})`),
  choose: (c, a, b) => asWhole(`(select ${whole(a)} ${whole(b)} ${c.condition})`),
  add: f2("add"),
  sub: f2("sub"),
  mul: f2("mul"),
  div: f2("div"),
  sqrt: f1("sqrt"),
  abs: f1("abs"),
  neg: f1("neg"),
  less: (a, b) => asCondition(`(f32.lt ${real(a)} ${real(b)})`),
  equal: (a, b) => asCondition(`(f32.eq ${real(a)} ${real(b)})`),
  select: (c, a, b) => asReal(`(select ${real(a)} ${real(b)} ${c.condition})`),
  real: (a) => asReal(`(f32.convert_i32_s ${whole(a)})`),
  whole: (a) => asWhole(`(i32.trunc_sat_f32_s ${real(a)})`),
};

/** A loop; its bounds are unsigned in the text, so that an end before the beginning must be none. */
function loopWith(locals: Locals, from: Whole, to: Whole, body: (i: Whole) => Statement): Statement {
  const [index, end] = [fresh(locals, "i32"), fresh(locals, "i32")];
  const bound = `(select ${whole(to)} ${whole(from)} (i32.gt_s ${whole(to)} ${whole(from)}))`;
  const statements = body(asWhole(wat.get(index))).statement;
  return asStatement(wat.set(end, bound), wat.loop(index, whole(from), wat.get(end), statements));
}

/** Loops that gather something. */
function gathering(locals: Locals): Pick<LoopWords, "sum" | "largest"> {
  return {
    sum: (from, to, term, use) => {
      const sum = fresh(locals, "f32");
      const step = (i: Whole) => asStatement(wat.set(sum, `(f32.add ${wat.get(sum)} ${real(term(i))})`));
      const start = wat.set(sum, float(0));
      return asStatement(start, loopWith(locals, from, to, step).statement, use(asReal(wat.get(sum))).statement);
    },
    largest: (from, to, value, use) => {
      const [best, place, found] = [fresh(locals, "f32"), fresh(locals, "i32"), fresh(locals, "f32")];
      const better = (i: Whole) => wat.block(wat.set(best, wat.get(found)), wat.set(place, whole(i)));
      const step = (i: Whole) =>
        asStatement(
          wat.set(found, real(value(i))),
          wat.when(`(f32.gt ${wat.get(found)} ${wat.get(best)})`, better(i)),
        );
      const start = wat.block(wat.set(best, float(-1)), wat.set(place, whole(from)));
      return asStatement(start, loopWith(locals, from, to, step).statement, use(asWhole(wat.get(place))).statement);
    },
  };
}

/** Words whose results are texts; `address` gives the first byte of a buffer of the matrix at hand. */
function wordsOf(locals: Locals, address: (buffer: LoopBuffer) => Wat): LoopWords {
  const at = (buffer: LoopBuffer, index: Whole) =>
    wat.add(address(buffer), typeof index === "number" ? wat.int(4 * index) : wat.mul(whole(index), 4));
  const named = (type: WatType, value: Wat, use: (text: Wat) => Statement) => {
    const name = fresh(locals, type);
    return asStatement(wat.set(name, value), use(wat.get(name)).statement);
  };
  return {
    ...ARITHMETIC,
    ...gathering(locals),
    load: (buffer, index) => asReal(`(f32.load ${at(buffer, index)})`),
    store: (buffer, index, value) => asStatement(`(f32.store ${at(buffer, index)} ${real(value)})`),
    block: (...statements) => asStatement(...statements.map(({ statement }) => statement)),
    letReal: (value, use) => named("f32", real(value), (text) => use(asReal(text))),
    letWhole: (value, use) => named("i32", whole(value), (text) => use(asWhole(text))),
    when: (condition, then) => asStatement(wat.when(condition.condition, then.statement)),
    loop: (from, to, body) => loopWith(locals, from, to, body),
    each: (count, body) => loopWith(locals, 0, count, body),
  };
}

/**
 * Writes a kernel of loops.
 *
 * @param kernel What is done for each matrix.
 * @returns The kernel.
 */
export function loopsWat({ matrices, sizes, cost, stages }: LoopKernel): WatKernel {
  const names = sizes.inputs.map((_, i) => `x${i}`);
  const locals: Locals = { types: {} };
  const sizeOf = (buffer: LoopBuffer) =>
    buffer === "output" ? sizes.output : buffer === "scratch" ? 0 : sizes.inputs[buffer]!;
  const global = (buffer: LoopBuffer) =>
    typeof buffer === "number" ? names[buffer]! : buffer === "output" ? "y" : "local";
  const address = (buffer: LoopBuffer) =>
    wat.add(wat.argument(global(buffer)), wat.mul(wat.get("index"), 4 * sizeOf(buffer)));
  const words = wordsOf(locals, address);
  const texts = stages.map(({ times, body }) => words.loop(0, times, (at) => body(words, at)).statement);
  const item = wat.func("item", ["index"], wat.block(...texts), locals.types);
  return {
    passes: [wat.pass([...names, "y"], [item], matrices, cost)],
    scratchBytes: 0,
    localBytes: wat.roundUp(4 * sizes.scratch, 16),
  };
}
