/** @file Operations on four values at once that WebAssembly has no instruction for. */

const get = (name: string): string => `(local.get $${name})`;

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

/** A function and those that it calls. */
export interface WatFunction {
  readonly text: string;
  readonly uses: readonly string[];
}

/** What takes several instructions, by the name under which it is called. */
export const FUNCTIONS: Readonly<Record<string, WatFunction>> = {
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
