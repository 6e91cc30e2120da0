/** @file Functions of four values at once, as WAT text. Each is included in a module that calls it, with those it calls. */
import { DOUBLE_FUNCTIONS } from "./double_math.ts";

const f = (x: number): string =>
  `(f32x4.splat (f32.const ${Number.isFinite(x) ? Math.fround(x) : x > 0 ? "inf" : x < 0 ? "-inf" : "nan"}))`;
const i = (x: number): string => `(i32x4.splat (i32.const ${x}))`;
const get = (name: string): string => `(local.get $${name})`;
const set = (name: string, value: string): string => `(local.set $${name} ${value})`;
const add = (a: string, b: string): string => `(f32x4.add ${a} ${b})`;
const sub = (a: string, b: string): string => `(f32x4.sub ${a} ${b})`;
const mul = (a: string, b: string): string => `(f32x4.mul ${a} ${b})`;
const div = (a: string, b: string): string => `(f32x4.div ${a} ${b})`;
const select = (mask: string, a: string, b: string): string => `(v128.bitselect ${a} ${b} ${mask})`;

/** Horner's rule, highest coefficient first. Separate multiply and add: the same bits on every engine. */
function polynomial(x: string, coefficients: readonly number[]): string {
  return coefficients.slice(1).reduce((sum, c) => add(mul(sum, x), f(c)), f(coefficients[0]!));
}

function define(
  name: string,
  body: readonly string[],
  locals: readonly string[] = [],
  params: readonly string[] = ["x"],
): string {
  return `(func $${name} ${params.map((p) => `(param $${p} v128)`).join(" ")} (result v128) ` +
    `${locals.map((l) => `(local $${l} v128)`).join(" ")}\n  ${body.join("\n  ")})`;
}

function lanes(name: string, lane: (k: number) => string, params: readonly string[]): string {
  const first = `(i32x4.splat ${lane(0)})`;
  const rest = [1, 2, 3].reduce((v, k) => `(i32x4.replace_lane ${k} ${v} ${lane(k)})`, first);
  return define(name, [rest], [], params);
}

/** Integer division lane by lane; a zero divisor gives 0 instead of a trap. */
function integerDivision(name: string, instruction: string): string {
  const at = (p: string, k: number) => `(i32x4.extract_lane ${k} ${get(p)})`;
  const lane = (k: number) => {
    const zero = `(i32.eqz ${at("y", k)})`;
    // INT_MIN / -1 traps as well: x * -1 wraps to the same bits.
    const minus = `(i32.eq ${at("y", k)} (i32.const -1))`;
    const signed = instruction.endsWith("_s");
    const special = instruction.startsWith("div") ? `(i32.sub (i32.const 0) ${at("x", k)})` : "(i32.const 0)";
    const plain = `(i32.${instruction} ${at("x", k)} ${at("y", k)})`;
    const safe = signed ? `(if (result i32) ${minus} (then ${special}) (else ${plain}))` : plain;
    return `(if (result i32) ${zero} (then (i32.const 0)) (else ${safe}))`;
  };
  return lanes(name, lane, ["x", "y"]);
}

/** erf(x) / x as a quotient of polynomials in x², highest first: those of Eigen and XLA. */
const ERF_NUMERATOR = [
  -2.72614225801306e-10,
  2.77068142495902e-8,
  -2.10102402082508e-6,
  -5.69250639462346e-5,
  -7.34990630326855e-4,
  -2.95459980854025e-3,
  -1.60960333262415e-2,
];
const ERF_DENOMINATOR = [
  -1.45660718464996e-5,
  -2.13374055278905e-4,
  -1.68282697438203e-3,
  -7.37332916720468e-3,
  -1.42647390514189e-2,
];

const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.12194440e-4;

/** Text of each function; the coefficients of exp, log, sin and cos are those of the Cephes single-precision library. */
const FUNCTIONS: Readonly<Record<string, { readonly text: string; readonly uses: readonly string[] }>> = {
  exp: {
    uses: [],
    text: define("exp", [
      set("n", `(f32x4.nearest ${mul(`(f32x4.pmax ${f(-104)} (f32x4.pmin ${f(89)} ${get("x")}))`, f(Math.LOG2E))})`),
      set("r", sub(sub(get("x"), mul(get("n"), f(LN2_HIGH))), mul(get("n"), f(LN2_LOW)))),
      set(
        "p",
        polynomial(get("r"), [
          1.9875691500e-4,
          1.3981999507e-3,
          8.3334519073e-3,
          4.1665795894e-2,
          1.6666665459e-1,
          5.0000001201e-1,
        ]),
      ),
      set("p", add(add(mul(get("p"), mul(get("r"), get("r"))), get("r")), f(1))),
      // 2^n in two factors, so that results below the normal range are right.
      set("h", `(i32x4.shr_s (i32x4.trunc_sat_f32x4_s ${get("n")}) (i32.const 1))`),
      set("k", `(i32x4.sub (i32x4.trunc_sat_f32x4_s ${get("n")}) ${get("h")})`),
      set("p", mul(get("p"), `(i32x4.shl (i32x4.add ${get("h")} ${i(127)}) (i32.const 23))`)),
      set("p", mul(get("p"), `(i32x4.shl (i32x4.add ${get("k")} ${i(127)}) (i32.const 23))`)),
      set("p", select(`(f32x4.gt ${get("x")} ${f(88.72284)})`, f(Infinity), get("p"))),
      set("p", select(`(f32x4.lt ${get("x")} ${f(-103.98)})`, f(0), get("p"))),
      select(`(f32x4.ne ${get("x")} ${get("x")})`, get("x"), get("p")),
    ], ["n", "r", "p", "h", "k"]),
  },
  log: {
    uses: [],
    text: define("log", [
      // Below the normal range: scale by 2^23 and take 23 from the exponent.
      set("s", `(f32x4.lt ${get("x")} ${f(1.17549435e-38)})`),
      set("m", select(get("s"), mul(get("x"), f(8388608)), get("x"))),
      set("e", `(f32x4.convert_i32x4_s (i32x4.sub (i32x4.shr_u ${get("m")} (i32.const 23)) ${i(126)}))`),
      set("e", sub(get("e"), `(v128.and ${get("s")} ${f(23)})`)),
      set("m", `(v128.or (v128.and ${get("m")} ${i(0x007fffff)}) ${f(0.5)})`), // mantissa in [0.5, 1)
      set("s", `(f32x4.lt ${get("m")} ${f(Math.SQRT1_2)})`),
      set("e", sub(get("e"), `(v128.and ${get("s")} ${f(1)})`)),
      set("m", sub(add(get("m"), `(v128.and ${get("s")} ${get("m")})`), f(1))),
      set("z", mul(get("m"), get("m"))),
      set(
        "p",
        polynomial(get("m"), [
          7.0376836292e-2,
          -1.1514610310e-1,
          1.1676998740e-1,
          -1.2420140846e-1,
          1.4249322787e-1,
          -1.6668057665e-1,
          2.0000714765e-1,
          -2.4999993993e-1,
          3.3333331174e-1,
        ]),
      ),
      set("p", add(mul(mul(get("p"), get("m")), get("z")), mul(get("e"), f(LN2_LOW)))),
      set("p", add(sub(get("p"), mul(get("z"), f(0.5))), add(get("m"), mul(get("e"), f(LN2_HIGH))))),
      set("p", select(`(f32x4.eq ${get("x")} ${f(Infinity)})`, f(Infinity), get("p"))),
      set("p", select(`(f32x4.eq ${get("x")} ${f(0)})`, f(-Infinity), get("p"))),
      select(`(f32x4.ge ${get("x")} ${f(0)})`, get("p"), f(NaN)),
    ], ["m", "e", "s", "z", "p"]),
  },
  tanh: {
    uses: ["exp"],
    text: define("tanh", [
      set("a", `(f32x4.abs ${get("x")})`),
      set("z", mul(get("x"), get("x"))),
      set(
        "p",
        polynomial(get("z"), [
          -5.70498872745e-3,
          2.06390887954e-2,
          -5.37397155531e-2,
          1.33314422036e-1,
          -3.33332819422e-1,
        ]),
      ),
      set("p", add(get("x"), mul(mul(get("p"), get("z")), get("x")))),
      set("e", sub(f(1), div(f(2), add(`(call $exp ${add(get("a"), get("a"))})`, f(1))))),
      set("e", `(v128.or ${get("e")} (v128.and ${get("x")} ${i(-2147483648)}))`),
      select(`(f32x4.lt ${get("a")} ${f(0.625)})`, get("p"), get("e")),
    ], ["a", "z", "p", "e"]),
  },
  sigmoid: {
    uses: ["exp"],
    text: define("sigmoid", [
      // e^-|x| never overflows; the other side is its complement.
      set("e", `(call $exp (f32x4.neg (f32x4.abs ${get("x")})))`),
      set("p", div(f(1), add(f(1), get("e")))),
      select(`(f32x4.lt ${get("x")} ${f(0)})`, mul(get("e"), get("p")), get("p")),
    ], ["e", "p"]),
  },
  erf: {
    uses: [],
    text: define("erf", [
      // These give back a NaN in the first operand, and are one instruction where max and min are many.
      set("a", `(f32x4.pmax (f32x4.pmin ${get("x")} ${f(4)}) ${f(-4)})`),
      set("z", mul(get("a"), get("a"))),
      set("a", mul(get("a"), div(polynomial(get("z"), ERF_NUMERATOR), polynomial(get("z"), ERF_DENOMINATOR)))),
      // Beyond 3.92 a float32 is exactly ±1, which tails of 1 + erf need.
      set("z", `(f32x4.gt ${get("z")} ${f(3.92 * 3.92)})`),
      select(get("z"), `(v128.or (v128.and ${get("x")} ${i(-2147483648)}) ${f(1)})`, get("a")),
    ], ["a", "z"]),
  },
  sin: { uses: ["sincos"], text: define("sin", [`(call $sincos ${get("x")} ${i(0)})`]) },
  cos: { uses: ["sincos"], text: define("cos", [`(call $sincos ${get("x")} ${i(1)})`]) },
  sincos: {
    uses: [],
    // Quadrant q = round(x 2/π), plus one for the cosine; the remainder by π/2 in three parts.
    text: define(
      "sincos",
      [
        set("n", `(f32x4.nearest ${mul(get("x"), f(2 / Math.PI))})`),
        set(
          "r",
          sub(
            sub(sub(get("x"), mul(get("n"), f(1.5703125))), mul(get("n"), f(4.837512969970703125e-4))),
            mul(get("n"), f(7.549789948768648e-8)),
          ),
        ),
        set("q", `(i32x4.add (i32x4.trunc_sat_f32x4_s ${get("n")}) ${get("shift")})`),
        set("z", mul(get("r"), get("r"))),
        set(
          "s",
          add(
            get("r"),
            mul(mul(get("r"), get("z")), polynomial(get("z"), [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1])),
          ),
        ),
        set(
          "c",
          add(
            sub(f(1), mul(get("z"), f(0.5))),
            mul(
              mul(get("z"), get("z")),
              polynomial(get("z"), [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2]),
            ),
          ),
        ),
        set("s", select(`(i32x4.eq (v128.and ${get("q")} ${i(1)}) ${i(0)})`, get("s"), get("c"))),
        `(v128.xor ${get("s")} (i32x4.shl (v128.and ${get("q")} ${i(2)}) (i32.const 30)))`,
      ],
      ["n", "r", "q", "z", "s", "c"],
      ["x", "shift"],
    ),
  },
  ...DOUBLE_FUNCTIONS,
  idiv: { uses: [], text: integerDivision("idiv", "div_s") },
  udiv: { uses: [], text: integerDivision("udiv", "div_u") },
  imod: { uses: [], text: integerDivision("imod", "rem_s") },
  umod: { uses: [], text: integerDivision("umod", "rem_u") },
  ...Object.fromEntries((["shl", "shr_s", "shr_u"] as const).map((name) => [name, {
    uses: [],
    text: lanes(
      name,
      (k) => `(i32.${name} (i32x4.extract_lane ${k} ${get("x")}) (i32x4.extract_lane ${k} ${get("y")}))`,
      ["x", "y"],
    ),
  }])),
};

/**
 * Texts of functions.
 *
 * @param names Functions that a module calls.
 * @returns Their definitions and those of the functions that they call, each once.
 */
export function mathFunctions(names: ReadonlySet<string>): string {
  const all = new Set<string>();
  const need = (name: string): void => {
    if (all.has(name)) return;
    FUNCTIONS[name]!.uses.forEach(need);
    all.add(name);
  };
  names.forEach(need);
  return [...all].map((name) => FUNCTIONS[name]!.text).join("\n");
}
