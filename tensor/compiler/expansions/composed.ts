/**
 * @file Operations that are made of others, each a value of its own: who names none of them loads none. `calls` are those that
 * its expansions name.
 */
import { erfinvOf, erfOf } from "./error_function.ts";
import { acosOf, asinOf, atan2Of, atanOf, tanOf } from "./angles.ts";
import { expOf, logOf } from "./exponential.ts";
import { digammaOf, lgammaOf } from "./gamma.ts";
import { halfOf } from "./half.ts";
import { acoshOf, asinhOf, atanhOf, coshOf, exp2Of, expm1Of, sinhOf } from "./hyperbolic.ts";
import { log10Of, log1pOf, log2Of } from "./logarithms.ts";
import { cbrtOf, hypotOf } from "./roots.ts";
import { intPowOf, powOf, uintPowOf } from "./power.ts";
import { modFarOf, modOf } from "./remainder.ts";
import { sigmoidOf, tanhOf } from "./sigmoid.ts";
import { cosFarOf, cosOf, sinFarOf, sinOf } from "./wave.ts";
import type { ComposedOp, Expansion } from "./words.ts";

const MOD_FAR_OP: ComposedOp = { name: "modFar", expand: { float32: modFarOf as Expansion } };
export const MOD_OP: ComposedOp = { name: "mod", expand: { float32: modOf as Expansion }, calls: [MOD_FAR_OP] };
export const POW_OP: ComposedOp = {
  name: "pow",
  expand: { float32: powOf as Expansion, int32: intPowOf as Expansion, uint32: uintPowOf as Expansion },
};
export const HALF_OP: ComposedOp = { name: "half", expand: { float32: halfOf as Expansion } };
export const EXP_OP: ComposedOp = { name: "exp", expand: { float32: expOf as Expansion } };
export const LOG_OP: ComposedOp = { name: "log", expand: { float32: logOf as Expansion } };
export const TANH_OP: ComposedOp = { name: "tanh", expand: { float32: tanhOf as Expansion }, calls: [EXP_OP] };
export const SIGMOID_OP: ComposedOp = { name: "sigmoid", expand: { float32: sigmoidOf as Expansion }, calls: [EXP_OP] };
export const ERF_OP: ComposedOp = { name: "erf", expand: { float32: erfOf as Expansion } };
export const ERFINV_OP: ComposedOp = { name: "erfinv", expand: { float32: erfinvOf as Expansion }, calls: [LOG_OP] };
const SIN_FAR_OP: ComposedOp = { name: "sinFar", expand: { float32: sinFarOf as Expansion } };
export const SIN_OP: ComposedOp = { name: "sin", expand: { float32: sinOf as Expansion }, calls: [SIN_FAR_OP] };
const COS_FAR_OP: ComposedOp = { name: "cosFar", expand: { float32: cosFarOf as Expansion } };
export const COS_OP: ComposedOp = { name: "cos", expand: { float32: cosOf as Expansion }, calls: [COS_FAR_OP] };
export const LOG1P_OP: ComposedOp = { name: "log1p", expand: { float32: log1pOf as Expansion }, calls: [LOG_OP] };
export const EXPM1_OP: ComposedOp = { name: "expm1", expand: { float32: expm1Of as Expansion }, calls: [EXP_OP] };
export const LOG2_OP: ComposedOp = { name: "log2", expand: { float32: log2Of as Expansion } };
export const LOG10_OP: ComposedOp = { name: "log10", expand: { float32: log10Of as Expansion } };
export const EXP2_OP: ComposedOp = { name: "exp2", expand: { float32: exp2Of as Expansion } };
export const CBRT_OP: ComposedOp = { name: "cbrt", expand: { float32: cbrtOf as Expansion } };
export const TAN_OP: ComposedOp = {
  name: "tan",
  expand: { float32: tanOf as Expansion },
  calls: [SIN_FAR_OP, COS_FAR_OP],
};
export const ASIN_OP: ComposedOp = { name: "asin", expand: { float32: asinOf as Expansion } };
export const ACOS_OP: ComposedOp = { name: "acos", expand: { float32: acosOf as Expansion } };
export const ATAN_OP: ComposedOp = { name: "atan", expand: { float32: atanOf as Expansion } };
export const SINH_OP: ComposedOp = { name: "sinh", expand: { float32: sinhOf as Expansion } };
export const COSH_OP: ComposedOp = { name: "cosh", expand: { float32: coshOf as Expansion } };
export const ASINH_OP: ComposedOp = {
  name: "asinh",
  expand: { float32: asinhOf as Expansion },
  calls: [LOG1P_OP, LOG_OP],
};
export const ACOSH_OP: ComposedOp = {
  name: "acosh",
  expand: { float32: acoshOf as Expansion },
  calls: [LOG1P_OP, LOG_OP],
};
export const ATANH_OP: ComposedOp = { name: "atanh", expand: { float32: atanhOf as Expansion }, calls: [LOG1P_OP] };
export const LGAMMA_OP: ComposedOp = {
  name: "lgamma",
  expand: { float32: lgammaOf as Expansion },
  calls: [LOG_OP, SIN_OP],
};
export const DIGAMMA_OP: ComposedOp = {
  name: "digamma",
  expand: { float32: digammaOf as Expansion },
  calls: [LOG_OP, TAN_OP],
};
export const ATAN2_OP: ComposedOp = { name: "atan2", expand: { float32: atan2Of as Expansion } };
export const HYPOT_OP: ComposedOp = { name: "hypot", expand: { float32: hypotOf as Expansion } };
