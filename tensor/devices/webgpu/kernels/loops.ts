/** @file Kernels of loops as WGSL: one matrix is one group, whose invocations share out each `each`. */
import { MOST_INVOCATIONS } from "../../../compiler/kernel_loops.ts";
import type {
  Condition,
  LoopArithmetic,
  LoopBuffer,
  LoopKernel,
  LoopStage,
  LoopWords,
  Real,
  Statement,
  Whole,
} from "../../../compiler/kernel_loops.ts";
import type { WgslBuffer, WgslKernel, WgslLimits, WgslMemory } from "../../../compiler/kernel_text.ts";
import { turnsOf } from "../machine.ts";
import { groupPass } from "../emit/shader.ts";

const whole = (x: Whole): string => typeof x === "number" ? `${x}i` : x.whole;
const real = (x: Real): string => typeof x === "number" ? floatText(x) : x.real;
const asWhole = (text: string): Whole => ({ whole: text });
const asReal = (text: string): Real => ({ real: text });
const asCondition = (text: string): Condition => ({ condition: text });
const asStatement = (text: string): Statement => ({ statement: text });

function floatText(value: number): string {
  const text = `${Math.fround(value)}`;
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** All invocations have come here, and see what the others wrote. */
const BARRIER = "storageBarrier();";

const i2 = (sign: string) => (a: Whole, b: Whole) => asWhole(`(${whole(a)} ${sign} ${whole(b)})`);
const f2 = (sign: string) => (a: Real, b: Real) => asReal(`(${real(a)} ${sign} ${real(b)})`);
const told = (a: string, sign: string, b: string) => asCondition(`(${a} ${sign} ${b})`);

const ARITHMETIC: LoopArithmetic = {
  plus: i2("+"),
  minus: i2("-"),
  times: i2("*"),
  quotient: i2("/"),
  rest: i2("%"),
  below: (a, b) => told(whole(a), "<", whole(b)),
  same: (a, b) => told(whole(a), "==", whole(b)),
  both: (a, b) => told(a.condition, "&&", b.condition),
  either: (a, b) => told(a.condition, "||", b.condition),
  choose: (c, a, b) => asWhole(`select(${whole(b)}, ${whole(a)}, ${c.condition})`),
  add: f2("+"),
  sub: f2("-"),
  mul: f2("*"),
  div: f2("/"),
  sqrt: (a) => asReal(`sqrt(${real(a)})`),
  abs: (a) => asReal(`abs(${real(a)})`),
  neg: (a) => asReal(`(-${real(a)})`),
  less: (a, b) => told(real(a), "<", real(b)),
  equal: (a, b) => told(real(a), "==", real(b)),
  select: (c, a, b) => asReal(`select(${real(b)}, ${real(a)}, ${c.condition})`),
  real: (a) => asReal(`f32(${whole(a)})`),
  whole: (a) => asWhole(`i32(${real(a)})`),
};

/** Gives names that nothing else has. */
type Fresh = () => string;

function loopWith(fresh: Fresh, from: Whole, to: Whole, body: (i: Whole) => Statement): Statement {
  const i = fresh();
  const head = `for (var ${i} = ${whole(from)}; ${i} < ${whole(to)}; ${i}++)`;
  return asStatement(`${head} {\n${body(asWhole(i)).statement}}\n`);
}

/** Loops that gather something. */
function gathering(fresh: Fresh): Pick<LoopWords, "sum" | "largest"> {
  return {
    sum: (from, to, term, use) => {
      const name = fresh();
      const step = loopWith(fresh, from, to, (i) => asStatement(`${name} += ${real(term(i))};\n`));
      return asStatement(`var ${name} = 0f;\n${step.statement}${use(asReal(name)).statement}`);
    },
    largest: (from, to, value, use) => {
      const [best, place, found] = [fresh(), fresh(), fresh()];
      const step = loopWith(fresh, from, to, (i) =>
        asStatement(`let ${found} = ${real(value(i))};
if (${found} > ${best}) { ${best} = ${found}; ${place} = ${whole(i)}; }\n`));
      return asStatement(
        `var ${best} = -1f;\nvar ${place} = ${whole(from)};\n${step.statement}${use(asWhole(place)).statement}`,
      );
    },
  };
}

/** Where elements lie. */
interface Access {
  load(buffer: LoopBuffer, index: string): string;
  store(buffer: LoopBuffer, index: string, value: string): string;
}

/** Words whose results are texts. */
function wordsOf(access: Access, width: number): LoopWords {
  let count = 0;
  const fresh = () => `v_${count++}`;
  const named = <T>(name: string, value: string, made: T, use: (x: T) => Statement) =>
    asStatement(`let ${name} = ${value};\n${use(made).statement}`);
  return {
    ...ARITHMETIC,
    ...gathering(fresh),
    load: (buffer, index) => asReal(access.load(buffer, whole(index))),
    store: (buffer, index, value) => asStatement(`${access.store(buffer, whole(index), real(value))}\n`),
    block: (...statements) => asStatement(statements.map(({ statement }) => statement).join("")),
    letReal: (value, use) => {
      const name = fresh();
      return named(name, real(value), asReal(name), use);
    },
    letWhole: (value, use) => {
      const name = fresh();
      return named(name, whole(value), asWhole(name), use);
    },
    when: (condition, then) => asStatement(`if (${condition.condition}) {\n${then.statement}}\n`),
    loop: (from, to, body) => loopWith(fresh, from, to, body),
    each: (count, body) => {
      const i = fresh();
      const head = `for (var ${i} = i32(local); ${i} < ${whole(count)}; ${i} += ${width}i)`;
      return asStatement(`${BARRIER}\n${head} {\n${body(asWhole(i)).statement}}\n${BARRIER}\n`);
    },
  };
}

/** A run of a stage. */
interface Part {
  readonly stage: LoopStage;
  readonly from: number;
  readonly to: number;
}

/** Puts stages into passes, each with no more rounds than may be. */
function cutStages(stages: readonly LoopStage[], most: number): readonly (readonly Part[])[] {
  const passes: Part[][] = [[]];
  let left = most;
  for (const stage of stages) {
    const { times, rounds } = stage;
    for (let from = 0; from < times;) {
      const fits = Math.floor(left / (rounds + 1));
      if (fits < 1 && left < most) {
        passes.push([]);
        left = most;
        continue;
      }
      const to = Math.min(times, from + Math.max(1, fits));
      passes.at(-1)!.push({ stage, from, to });
      left -= (to - from) * (rounds + 1);
      from = to;
    }
  }
  return passes;
}

/**
 * Writes a kernel of loops.
 *
 * @param kernel What is done for each matrix.
 * @param limits Limits of the device.
 * @returns The kernel.
 */
export function loopsWgsl({ matrices, sizes, width, stages }: LoopKernel, limits: WgslLimits): WgslKernel {
  if (matrices === 0) return { passes: [], scratchBytes: 0 };
  const inputs = sizes.inputs.length;
  const buffers: readonly WgslBuffer[] = [
    ...sizes.inputs.map((_, i) => ({ name: `x${i}`, type: "f32", buffer: i }) as const),
    { name: "y", type: "f32", buffer: inputs },
    ...(sizes.scratch > 0 ? [{ name: "scratch", type: "f32", buffer: inputs + 1 } as const] : []),
  ];
  const sizeOf = (buffer: LoopBuffer) =>
    buffer === "output" ? sizes.output : buffer === "scratch" ? sizes.scratch : sizes.inputs[buffer]!;
  const nameOf = (buffer: LoopBuffer) => buffer === "output" ? "y" : buffer === "scratch" ? "scratch" : `x${buffer}`;
  const at = (buffer: LoopBuffer, index: string) => `matrix * ${sizeOf(buffer)}i + ${index}`;
  const workgroupSize = Math.min(
    MOST_INVOCATIONS,
    limits.maxInvocations,
    2 ** Math.ceil(Math.log2(Math.max(1, width))),
  );
  const passOf = (parts: readonly Part[]) => {
    const write = (memory: WgslMemory) => {
      const words = wordsOf({
        load: (buffer, index) => memory.load(nameOf(buffer), at(buffer, index)),
        store: (buffer, index, value) => memory.store(nameOf(buffer), at(buffer, index), value),
      }, workgroupSize);
      const texts = parts.map(({ stage, from, to }) => words.loop(from, to, (at) => stage.body(words, at)).statement);
      return { body: `let matrix = i32(square);\n${texts.join("")}` };
    };
    return groupPass(buffers, { workgroups: matrices, workgroupSize, write });
  };
  return {
    passes: cutStages(stages, turnsOf(limits)).map(passOf),
    scratchBytes: 4 * sizes.scratch * matrices,
  };
}
