/**
 * @file Short convolutions with few multiplications: `m` outputs of a kernel of `r` taps from `n = m + r - 1` inputs by `n`
 * multiplications, `y = Aᵀ[(G w) ⊙ (Bᵀ d)]` (Winograd 1980, as Toom and Cook). Interpolation points come in pairs ±p, so that the
 * transforms share the even and odd parts.
 */

/** A linear map as straight-line code: each line names a sum of multiples of inputs `0, 1, …` and of earlier lines. */
export interface Linear {
  readonly lines: readonly LinearLine[];
  /** Names of the results, in order. */
  readonly outputs: readonly string[];
}

/** A named sum of multiples. */
export interface LinearLine {
  readonly name: string;
  readonly terms: readonly (readonly [factor: number, name: string])[];
}

/** A multiple of an input or of an earlier line. */
export type Term = LinearLine["terms"][number];

/**
 * Tells inputs of a linear map from its lines.
 *
 * @param name A name in a term or among the outputs.
 * @returns True for an input; its name is its position.
 */
export function isInput(name: string): boolean {
  return /^\d/.test(name);
}

/**
 * Orders a sum so that few products are rounded by themselves: what is added comes first, then what is subtracted, then
 * what is multiplied, which is added at once where a device can.
 *
 * @param terms The terms of a line, at least one.
 * @returns The first, and the others.
 */
export function additionsFirst(terms: readonly Term[]): readonly [Term, ...Term[]] {
  const order = ([factor]: Term) => factor === 1 ? 0 : factor === -1 ? 1 : 2;
  return terms.toSorted((a, b) => order(a) - order(b)) as [Term, ...Term[]];
}

/** Which convolution, and where its polynomials are evaluated: perhaps at 0, at each ±p, at infinity. */
export interface SchemeOptions {
  readonly outputs: number;
  readonly taps: number;
  readonly zero: boolean;
  readonly pairs: readonly number[];
}

/** The transforms of F(m, r). */
export interface Scheme {
  /** m. */
  readonly outputs: number;
  /** r. */
  readonly taps: number;
  /** n. */
  readonly size: number;
  /** Bᵀ: n inputs to n. */
  readonly input: Linear;
  /** G: r taps to n. */
  readonly weights: Linear;
  /** Aᵀ: n products to m outputs. */
  readonly output: Linear;
  /** A: m gradients of outputs to n. */
  readonly outputGradient: Linear;
  /** Gᵀ: n sums to r gradients of taps. */
  readonly weightsGradient: Linear;
}

/** A polynomial, constant term first. */
type Polynomial = readonly number[];

function times(p: Polynomial, q: Polynomial): Polynomial {
  const product = Array<number>(p.length + q.length - 1).fill(0);
  p.forEach((a, i) => q.forEach((b, j) => product[i + j]! += a * b));
  return product;
}

function valueAt(p: Polynomial, x: number): number {
  return p.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/** The sum of `p[i]` times input `i + shift`. */
function sumOf(p: Polynomial, shift = 0): LinearLine["terms"] {
  return p.flatMap((factor, i) => factor === 0 ? [] : [[factor, `${i + shift}`] as const]);
}

/** The polynomial that is zero at 0 (if it is a point) and at `±p` for some pairs. */
function vanishing(zero: boolean, pairs: readonly number[]): Polynomial {
  return pairs.reduce<Polynomial>((p, a) => times(p, [-a * a, 0, 1]), zero ? [0, 1] : [1]);
}

/** Names of the values at the points, in order. */
function pointNames({ zero, pairs }: SchemeOptions): readonly string[] {
  return [...zero ? ["zero"] : [], ...pairs.flatMap((_, i) => [`plus${i}`, `minus${i}`]), "infinity"];
}

/** What values at the points are multiplied by. */
interface Scales {
  readonly zero: number;
  /** At `a`, for each pair. */
  readonly plus: (a: number) => number;
  /** The factor at `-a` is this times that at `a`. */
  readonly mirror: 1 | -1;
}

const PLAIN: Scales = { zero: 1, plus: () => 1, mirror: 1 };

/** One over the product of the distances between a point and the others. */
function distanceScales({ zero, pairs }: SchemeOptions): Scales {
  const others = (a: number) => vanishing(zero, pairs.filter((b) => b !== a));
  return {
    zero: 1 / valueAt(vanishing(false, pairs), 0),
    plus: (a) => 1 / (2 * a * valueAt(others(a), a)),
    mirror: zero ? 1 : -1,
  };
}

/** Evaluates a polynomial of `count` coefficients at the points: its even and odd part at `a` give it at `±a`. */
function evaluation(options: SchemeOptions, count: number, scales: Scales): Linear {
  const part = (a: number, odd: 0 | 1): LinearLine["terms"] =>
    Array.from({ length: count }, (_, k) => [scales.plus(a) * a ** k, `${k}`] as const).filter((_, k) => k % 2 === odd);
  return {
    lines: [
      ...options.zero ? [{ name: "zero", terms: [[scales.zero, "0"]] as const }] : [],
      ...options.pairs.flatMap((a, i) => [
        { name: `even${i}`, terms: part(a, 0) },
        { name: `odd${i}`, terms: part(a, 1) },
        { name: `plus${i}`, terms: [[1, `even${i}`], [1, `odd${i}`]] as const },
        { name: `minus${i}`, terms: [[scales.mirror, `even${i}`], [-scales.mirror, `odd${i}`]] as const },
      ]),
      { name: "infinity", terms: [[1, `${count - 1}`]] },
    ],
    outputs: pointNames(options),
  };
}

/** The transpose of `evaluation`. */
function transposedEvaluation(options: SchemeOptions, count: number, scales: Scales): Linear {
  const { zero, pairs } = options;
  const at = (name: string) => `${pointNames(options).indexOf(name)}`;
  const result = (k: number): LinearLine => ({
    name: `result${k}`,
    terms: [
      ...k === 0 && zero ? [[scales.zero, at("zero")] as const] : [],
      ...pairs.map((a, i) => [scales.plus(a) * a ** k, `${k % 2 === 0 ? "sum" : "difference"}${i}`] as const),
      ...k === count - 1 ? [[1, at("infinity")] as const] : [],
    ],
  });
  const pair = (i: number): readonly LinearLine[] => [
    { name: `sum${i}`, terms: [[1, at(`plus${i}`)], [scales.mirror, at(`minus${i}`)]] },
    { name: `difference${i}`, terms: [[1, at(`plus${i}`)], [-scales.mirror, at(`minus${i}`)]] },
  ];
  return {
    lines: [...pairs.flatMap((_, i) => pair(i)), ...Array.from({ length: count }, (_, k) => result(k))],
    outputs: Array.from({ length: count }, (_, k) => `result${k}`),
  };
}

/** For each point the sum of the inputs with the coefficients of the polynomial that is zero at all others. */
function interpolation(options: SchemeOptions): Linear {
  const { zero, pairs } = options;
  const others = (a: number) => vanishing(zero, pairs.filter((b) => b !== a));
  return {
    lines: [
      ...zero ? [{ name: "zero", terms: sumOf(vanishing(false, pairs)) }] : [],
      ...pairs.flatMap((a, i) => [ // zero at all others of both ±a, times (x + a) or (x - a)
        { name: `high${i}`, terms: sumOf(others(a), 1) },
        { name: `low${i}`, terms: sumOf(others(a)) },
        { name: `plus${i}`, terms: [[1, `high${i}`], [a, `low${i}`]] as const },
        { name: `minus${i}`, terms: [[1, `high${i}`], [-a, `low${i}`]] as const },
      ]),
      { name: "infinity", terms: sumOf(vanishing(zero, pairs)) },
    ],
    outputs: pointNames(options),
  };
}

/**
 * Derives the transforms of a scheme.
 *
 * @param options Sizes and points; the points, with infinity, are as many as inputs.
 * @returns The transforms.
 */
export function makeScheme(options: SchemeOptions): Scheme {
  const { outputs, taps } = options;
  const scales = distanceScales(options);
  return {
    outputs,
    taps,
    size: outputs + taps - 1,
    input: interpolation(options),
    weights: evaluation(options, taps, scales),
    output: transposedEvaluation(options, outputs, PLAIN),
    outputGradient: evaluation(options, outputs, PLAIN),
    weightsGradient: transposedEvaluation(options, taps, scales),
  };
}
