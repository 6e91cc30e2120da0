import { deepStrictEqual, ok } from "node:assert/strict";
import { expanded, type FunctionName } from "../../../../tensor/compiler/expansions/expanded.ts";
import { namedOp } from "../../../../tensor/compiler/expansions/named_op.ts";
import { literal } from "../../../../tensor/compiler/scalar.ts";
import type { ScalarOp } from "../../../../tensor/compiler/operations.ts";
import { mathFunctions } from "../../../../tensor/devices/cpu/emit/functions.ts";
import { assemble } from "../../../../tensor/devices/cpu/runtime/assemble.ts";
import { digammaOf, lgammaOf } from "../../../../tensor/primitives/scalars/gamma_of.ts";
import { randomValues } from "../../../support/random_values.ts";

/** A function of four lanes, applied to any number of values. */
function compiled(operation: ScalarOp): (...args: readonly Float32Array[]) => Float32Array {
  namedOp(operation, literal(1, "float32"), literal(1, "float32")); // brings what it is made of
  const name: FunctionName = `${operation}_float32`;
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
  const load = (_: unknown, at: number) => `(v128.load (i32.add (local.get $i) (i32.const ${at << 20})))`;
  const call = `(call $${name} ${expanded(name).parameters.map(load).join(" ")})`;
  const code = `${mathFunctions(new Set([name]))}
    (func (export "run") (param $n i32) (local $i i32)
      (loop (v128.store (i32.add (local.get $i) (i32.const ${2 << 20})) ${call})
        (local.set $i (i32.add (local.get $i) (i32.const 16))) (br_if 0 (i32.lt_u (local.get $i) (local.get $n)))))`;
  const instance = new WebAssembly.Instance(assemble(code, { relaxed: true }).module, { env: { memory } });
  return (...args) => {
    args.forEach((values, i) => new Float32Array(memory.buffer, i << 20, values.length).set(values));
    (instance.exports.run as (bytes: number) => void)(4 * args[0]!.length);
    return new Float32Array(memory.buffer, 2 << 20, args[0]!.length).slice();
  };
}

/**
 * Distance in units of the last place of the right value, or of `least` if that is larger; those below the normal range count
 * as the smallest normal ones.
 */
function ulps(actual: number, exact: number, least = 0): number {
  if (Object.is(actual, Math.fround(exact)) || actual === Math.fround(exact)) return 0;
  if (Number.isNaN(exact) || !Number.isFinite(Math.fround(exact)) || !Number.isFinite(actual)) return Infinity;
  const exponent = Math.max(Math.floor(Math.log2(Math.max(Math.abs(exact), least))), -126);
  return Math.abs(actual - exact) / 2 ** (exponent - 23);
}

/** Complementary error function by continued fraction or series, in float64. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (a > 6) return Math.sign(x);
  let [sum, term] = [a, a];
  for (let n = 1; n < 200; n++) {
    term *= -a * a / n;
    sum += term / (2 * n + 1);
  }
  return Math.sign(x) * (a < 3 ? 2 / Math.sqrt(Math.PI) * sum : 1 - erfcTail(a));
}

function erfcTail(a: number): number {
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (a + fraction);
  return Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction);
}

const EDGES = [0, -0, 1, -1, 0.5, -0.5, Infinity, -Infinity, NaN, 1e-45, -1e-45, 1.17549435e-38, 3.4028234e38];

interface Case {
  readonly exact: (x: number) => number;
  readonly domains: readonly (readonly [number, number])[];
  readonly ulps: number;
  /** Size of the terms of which a result may be the difference: its error is measured by them where they are larger. */
  readonly terms?: (x: number) => number;
}

const CASES: Readonly<Partial<Record<ScalarOp, Case>>> = {
  exp: { exact: Math.exp, domains: [[-104, 89], [-1, 1], [-1e-3, 1e-3], [-1000, 1000]], ulps: 2 },
  log: { exact: Math.log, domains: [[0, 1e-38], [0, 2], [0.9, 1.1], [0, 1e38], [-1, 1]], ulps: 2 },
  tanh: { exact: Math.tanh, domains: [[-1, 1], [-10, 10], [-100, 100], [-1e-6, 1e-6]], ulps: 3 },
  sigmoid: { exact: (x) => 1 / (1 + Math.exp(-x)), domains: [[-1, 1], [-20, 20], [-90, 90]], ulps: 4 },
  log1p: { exact: Math.log1p, domains: [[-1, 1], [-1e-3, 1e-3], [0, 1000], [0, 1e38]], ulps: 3 },
  expm1: { exact: Math.expm1, domains: [[-1, 1], [-1e-3, 1e-3], [-40, 89], [30, 50]], ulps: 2 },
  log2: { exact: Math.log2, domains: [[0, 1e-38], [0, 2], [0.9, 1.1], [0, 1e38]], ulps: 2 },
  log10: { exact: Math.log10, domains: [[0, 1e-38], [0, 2], [0.9, 1.1], [0, 1e38]], ulps: 3 },
  exp2: { exact: (x) => 2 ** x, domains: [[-151, 129], [-1, 1], [-1e-3, 1e-3]], ulps: 2 },
  cbrt: { exact: Math.cbrt, domains: [[-1, 1], [-1e-38, 1e-38], [-3e38, 3e38], [0, 1e-44]], ulps: 1 },
  tan: { exact: Math.tan, domains: [[-1, 1], [-7, 7], [-64, 64], [-1000, 1000], [-1e30, 1e30]], ulps: 5 },
  asin: { exact: Math.asin, domains: [[-1, 1], [-1e-3, 1e-3], [0.99, 1], [-1.1, 1.1]], ulps: 3 },
  acos: { exact: Math.acos, domains: [[-1, 1], [-1e-3, 1e-3], [0.99, 1], [-1.1, 1.1]], ulps: 2 },
  atan: { exact: Math.atan, domains: [[-1, 1], [-1e-3, 1e-3], [-10, 10], [-1e30, 1e30]], ulps: 2 },
  sinh: { exact: Math.sinh, domains: [[-1, 1], [-1e-3, 1e-3], [-10, 10], [-90, 90]], ulps: 3 },
  cosh: { exact: Math.cosh, domains: [[-1, 1], [-10, 10], [-90, 90]], ulps: 2 },
  asinh: { exact: Math.asinh, domains: [[-1, 1], [-1e-3, 1e-3], [-1000, 1000], [-1e38, 1e38]], ulps: 3 },
  acosh: { exact: Math.acosh, domains: [[1, 1.1], [1, 10], [1, 1e6], [0, 1e38]], ulps: 4 },
  atanh: { exact: Math.atanh, domains: [[-1, 1], [-1e-3, 1e-3], [-0.6, 0.6], [0.99, 1]], ulps: 4 },
  lgamma: { exact: lgammaOf, domains: [[0, 4], [0.9, 1.1], [1.9, 2.1], [0, 100], [0, 1e36], [-0.5, 0]], ulps: 5 },
  digamma: {
    exact: digammaOf,
    domains: [[0, 4], [1.4, 1.5], [0, 100], [0, 1e36], [-0.4, 0]],
    ulps: 8,
    terms: (x) => x < 0 ? Math.PI : 0, // reflected by π cot πx, so that its zeros are not sharp
  },
  erf: { exact: erf, domains: [[-1, 1], [-4, 4], [-10, 10], [-1e-6, 1e-6], [3.9, 3.95]], ulps: 8 },
};

for (const [name, { exact, domains, ulps: limit, terms }] of Object.entries(CASES) as [ScalarOp, Case][]) {
  Deno.test(`${name} is within ${limit} units of the last place, and right at the edges`, () => {
    const f = compiled(name);
    for (const [i, domain] of [...domains, null].entries()) {
      const x = Float32Array.from(domain ? randomValues(i, 20_000, domain) : [...EDGES, 0, 0, 0]);
      const y = f(x);
      const worst = { error: 0, at: 0 };
      x.forEach((value, j) => {
        const error = ulps(y[j]!, exact(value), terms?.(value));
        if (error > worst.error) Object.assign(worst, { error, at: j });
      });
      const { error, at } = worst;
      ok(error <= limit, `${name}(${x[at]}) = ${y[at]}, exactly ${exact(x[at]!)}: ${error.toFixed(2)} units`);
    }
  });
}

Deno.test("erf is exactly 1 in the tails", () => {
  deepStrictEqual(compiled("erf")(Float32Array.of(3.93, -3.93, 50, -Infinity)), Float32Array.of(1, -1, 1, -1));
});

Deno.test("erf stays in [-1, 1]: every float32 from 3 to 4", () => {
  const first = new Int32Array(Float32Array.of(3).buffer)[0]!;
  const x = new Float32Array(Int32Array.from({ length: 1 << 22 }, (_, i) => first + i).buffer);
  const f = compiled("erf");
  for (let at = 0; at < x.length; at += 1 << 18) {
    const part = x.subarray(at, at + (1 << 18));
    const outside = f(part).findIndex((y) => !(y <= 1));
    ok(outside < 0, `erf(${part[outside]}) is above 1`);
  }
});

/** Float32 numbers spread over the exponents of a domain, of both signs. */
function overExponents(low: number, high: number): Float32Array {
  const signs = randomValues(3, 20_000, [-1, 1]);
  const logarithms = randomValues(1, 20_000, [Math.log(low), Math.log(high)]);
  return Float32Array.from(logarithms, (x, i) => Math.sign(signs[i]!) * Math.exp(x));
}

for (const name of ["sin", "cos"] as const) {
  Deno.test(`${name} is within 1.5e-7 for every angle, 3 units of the last place far out, and NaN without a limit`, () => {
    const near = [[-1, 1], [-10, 10], [-20_000, 20_000]] as const;
    const far = overExponents(13_000, 3.4e38);
    for (const x of [...near.map((domain) => Float32Array.from(randomValues(1, 20_000, domain))), far]) {
      const y = compiled(name)(x);
      x.forEach((value, i) => {
        const exact = Math[name](value);
        ok(Math.abs(y[i]! - exact) <= 1.5e-7, `${name}(${value}) = ${y[i]}, exactly ${exact}`);
        ok(x !== far || ulps(y[i]!, exact) <= 3, `${name}(${value}) = ${y[i]}, exactly ${exact}`);
      });
    }
    const edges = compiled(name)(Float32Array.of(Infinity, -Infinity, NaN, -0));
    ok(edges.subarray(0, 3).every(Number.isNaN) && Object.is(edges[3], Math[name](-0)));
  });
}

/** Checks a function of two values against float64. */
function checkBinary(
  name: ScalarOp,
  exact: (x: number, y: number) => number,
  pairs: readonly (readonly [number, number])[],
  limit: number,
): void {
  const x = Float32Array.from(pairs, ([x]) => x);
  const y = Float32Array.from(pairs, ([, y]) => y);
  compiled(name)(x, y).forEach((value, i) => {
    const right = exact(x[i]!, y[i]!);
    const error = ulps(value, right);
    ok(error <= limit, `${name}(${x[i]}, ${y[i]}) = ${value}, exactly ${right}: ${error.toFixed(2)} units`);
  });
}

const PAIRS_OF_EDGES = [...EDGES, 2, 3, -2, -3, 2.5].flatMap((x) =>
  [...EDGES, 2, 3, -2, -3, 2.5].map((y) => [x, y] as const)
);

/** As C and NumPy have it, where JavaScript says NaN. */
function power(x: number, y: number): number {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
}

Deno.test("pow is within 2 units of the last place, also of large powers, and right at the edges", () => {
  const x = randomValues(1, 20_000, [0, 4]);
  const y = randomValues(2, 20_000, [-60, 60]);
  const pairs = (of: (x: number, y: number) => readonly [number, number]) => Array.from(x, (v, i) => of(v, y[i]!));
  checkBinary("pow", power, pairs((v, w) => [v, w]), 2);
  checkBinary("pow", power, pairs((v, w) => [-v, Math.round(w)]), 2);
  checkBinary("pow", power, pairs((v, w) => [1 - v / 4000, 100 * w]), 2);
  checkBinary("pow", power, pairs((v, w) => [1 + v / 40_000_000, 10_000_000 * w]), 2);
  checkBinary("pow", power, pairs((v, w) => [Math.exp(40 * v - 80), w / 30]), 2);
  checkBinary("pow", power, PAIRS_OF_EDGES, 2);
});

Deno.test("atan2 and hypot are within 3 units of the last place, and right at the edges", () => {
  const x = randomValues(1, 20_000, [-1, 1]);
  const y = randomValues(2, 20_000, [-1, 1]);
  const pairs = (of: (x: number, y: number) => readonly [number, number]) => Array.from(x, (v, i) => of(v, y[i]!));
  for (const [name, exact] of [["atan2", Math.atan2], ["hypot", Math.hypot]] as const) {
    checkBinary(name, exact, pairs((v, w) => [v, w]), 3);
    checkBinary(name, exact, pairs((v, w) => [v * 1e30, w * 1e-3]), 3);
    checkBinary(name, exact, pairs((v, w) => [v, Math.exp(w * 60)]), 3);
    checkBinary(name, exact, PAIRS_OF_EDGES, 3);
  }
});

Deno.test("mod is exact for all floats, and right at the edges", () => {
  const x = randomValues(1, 20_000, [-1000, 1000]);
  const y = randomValues(2, 20_000, [-3, 3]);
  const pairs = (of: (x: number, y: number) => readonly [number, number]) => Array.from(x, (v, i) => of(v, y[i]!));
  const rest = (a: number, b: number) => a % b;
  checkBinary("mod", rest, pairs((v, w) => [v, w]), 0);
  checkBinary("mod", rest, pairs((v, w) => [Math.round(v), Math.round(w * 9)]), 0);
  checkBinary("mod", rest, pairs((v, w) => [v * 2 ** 11, w]), 0);
  checkBinary("mod", rest, pairs((v, w) => [Math.sign(v) * Math.exp(Math.abs(v) / 12), Math.exp(w * 29)]), 0);
  checkBinary("mod", rest, PAIRS_OF_EDGES, 0);
  checkBinary("mod", rest, [[2, Infinity], [-2, Infinity], [NaN, 1], [-6, 3], [3e38, 1e-45], [3e38, 7e-42]], 0);
});
