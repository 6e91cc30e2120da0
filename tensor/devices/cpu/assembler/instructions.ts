/** @file Instructions of WebAssembly 2.0 with threads and relaxed SIMD: their codes, and what follows the code. */

/** What follows a code: numbers of a const; where memory is accessed; a lane; both; lanes of a shuffle; a zero; an index. */
export type Immediates =
  | "none"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "v128"
  | "memory"
  | "lane"
  | "memoryLane"
  | "shuffle"
  | "zero"
  | "memories"
  | "local"
  | "global"
  | "function"
  | "label"
  | "labels"
  | "indirect"
  | "select"
  | "data"
  | "dataMemory";

/** An instruction. */
export interface Instruction {
  /** The bytes of its code. */
  readonly code: readonly number[];
  /** What follows. */
  readonly immediates: Immediates;
  /** Bytes that it accesses, as a power of two; 0 if it is not about memory. */
  readonly align: number;
}

/** Codes from a first one on, `-` for none; `TYPE: a b` stands for `TYPE.a TYPE.b`. Blocks and what they end with are not here. */
const ROWS: readonly (readonly [prefix: number | null, first: number, names: string])[] = [
  [null, 0x00, "unreachable nop"],
  [null, 0x0c, "br br_if br_table return call call_indirect"],
  [null, 0x1a, "drop select"],
  [null, 0x20, "local: get set tee; global: get set"],
  [null, 0x28, "i32.load i64.load f32.load f64.load; i32: load8_s load8_u load16_s load16_u"],
  [null, 0x30, "i64: load8_s load8_u load16_s load16_u load32_s load32_u; i32.store i64.store f32.store f64.store"],
  [
    null,
    0x3a,
    "i32: store8 store16; i64: store8 store16 store32; memory: size grow; i32.const i64.const f32.const f64.const",
  ],
  [null, 0x45, "i32: eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  [null, 0x50, "i64: eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  [null, 0x5b, "f32: eq ne lt gt le ge; f64: eq ne lt gt le ge"],
  [null, 0x67, "i32: clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"],
  [null, 0x79, "i64: clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"],
  [null, 0x8b, "f32: abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign"],
  [null, 0x99, "f64: abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign"],
  [null, 0xa7, "i32: wrap_i64 trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u"],
  [null, 0xac, "i64: extend_i32_s extend_i32_u trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u"],
  [null, 0xb2, "f32: convert_i32_s convert_i32_u convert_i64_s convert_i64_u demote_f64"],
  [null, 0xb7, "f64: convert_i32_s convert_i32_u convert_i64_s convert_i64_u promote_f32"],
  [null, 0xbc, "i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64"],
  [null, 0xc0, "i32: extend8_s extend16_s; i64: extend8_s extend16_s extend32_s"],
  [0xfc, 0, "i32: trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"],
  [0xfc, 4, "i64: trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"],
  [0xfc, 8, "memory.init data.drop memory.copy memory.fill"],
  [0xfd, 0x00, "v128: load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u"],
  [0xfd, 0x07, "v128: load8_splat load16_splat load32_splat load64_splat store const; i8x16: shuffle swizzle"],
  [0xfd, 0x0f, "i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat"],
  [0xfd, 0x15, "i8x16: extract_lane_s extract_lane_u replace_lane; i16x8: extract_lane_s extract_lane_u replace_lane"],
  [0xfd, 0x1b, "i32x4: extract_lane replace_lane; i64x2: extract_lane replace_lane; f32x4: extract_lane replace_lane"],
  [0xfd, 0x21, "f64x2: extract_lane replace_lane; i8x16: eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  [
    0xfd,
    0x2d,
    "i16x8: eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u; i32x4: eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u",
  ],
  [0xfd, 0x41, "f32x4: eq ne lt gt le ge; f64x2: eq ne lt gt le ge; v128: not and andnot or xor bitselect any_true"],
  [
    0xfd,
    0x54,
    "v128: load8_lane load16_lane load32_lane load64_lane store8_lane store16_lane store32_lane store64_lane",
  ],
  [0xfd, 0x5c, "v128: load32_zero load64_zero; f32x4.demote_f64x2_zero f64x2.promote_low_f32x4"],
  [0xfd, 0x60, "i8x16: abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u; f32x4: ceil floor trunc nearest"],
  [0xfd, 0x6b, "i8x16: shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u; f64x2: ceil floor"],
  [0xfd, 0x76, "i8x16: min_s min_u max_s max_u; f64x2.trunc i8x16.avgr_u"],
  [0xfd, 0x7c, "i16x8: extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u"],
  [0xfd, 0x7e, "i32x4: extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u"],
  [0xfd, 0x80, "i16x8: abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u"],
  [0xfd, 0x87, "i16x8: extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u shl shr_s shr_u"],
  [
    0xfd,
    0x8e,
    "i16x8: add add_sat_s add_sat_u sub sub_sat_s sub_sat_u; f64x2.nearest; i16x8: mul min_s min_u max_s max_u",
  ],
  [0xfd, 0x9b, "i16x8: avgr_u extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u"],
  [0xfd, 0xa0, "i32x4: abs neg - all_true bitmask - - extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u"],
  [0xfd, 0xaa, "i32x4: extend_high_i16x8_u shl shr_s shr_u add - - sub - - - mul min_s min_u max_s max_u dot_i16x8_s"],
  [0xfd, 0xbc, "i32x4: extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u"],
  [0xfd, 0xc0, "i64x2: abs neg - all_true bitmask - - extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u"],
  [0xfd, 0xca, "i64x2: extend_high_i32x4_u shl shr_s shr_u add - - sub - - - mul eq ne lt_s gt_s le_s ge_s"],
  [0xfd, 0xdc, "i64x2: extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u"],
  [0xfd, 0xe0, "f32x4: abs neg - sqrt add sub mul div min max pmin pmax"],
  [0xfd, 0xec, "f64x2: abs neg - sqrt add sub mul div min max pmin pmax"],
  [0xfd, 0xf8, "i32x4: trunc_sat_f32x4_s trunc_sat_f32x4_u; f32x4: convert_i32x4_s convert_i32x4_u"],
  [0xfd, 0xfc, "i32x4: trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero; f64x2: convert_low_i32x4_s convert_low_i32x4_u"],
  [0xfd, 0x100, "i8x16.relaxed_swizzle; i32x4: relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u"],
  [0xfd, 0x103, "i32x4: relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero; f32x4: relaxed_madd relaxed_nmadd"],
  [0xfd, 0x107, "f64x2: relaxed_madd relaxed_nmadd"],
  [0xfd, 0x109, "i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect"],
  [0xfd, 0x10d, "f32x4: relaxed_min relaxed_max; f64x2: relaxed_min relaxed_max; i16x8: relaxed_q15mulr_s"],
  [0xfd, 0x112, "i16x8.relaxed_dot_i8x16_i7x16_s i32x4.relaxed_dot_i8x16_i7x16_add_s"],
  [0xfe, 0x00, "memory.atomic: notify wait32 wait64; atomic.fence"],
  [0xfe, 0x10, "i32.atomic.load i64.atomic.load; i32.atomic: load8_u load16_u; i64.atomic: load8_u load16_u load32_u"],
  [0xfe, 0x17, "i32.atomic.store i64.atomic.store; i32.atomic: store8 store16; i64.atomic: store8 store16 store32"],
  ...["add", "sub", "and", "or", "xor", "xchg", "cmpxchg"].map((name, i) =>
    [
      0xfe,
      0x1e + 7 * i,
      `i32.atomic.rmw.${name} i64.atomic.rmw.${name}; i32.atomic: rmw8.${name}_u rmw16.${name}_u; ` +
      `i64.atomic: rmw8.${name}_u rmw16.${name}_u rmw32.${name}_u`,
    ] as const
  ),
];

/** What follows codes that are told by name. */
const NAMED: Readonly<Record<string, Immediates>> = {
  ...{ "br": "label", "br_if": "label", "br_table": "labels", "call": "function", "call_indirect": "indirect" },
  ...{ "select": "select", "i8x16.shuffle": "shuffle", "memory.size": "zero", "memory.grow": "zero" },
  ...{ "memory.fill": "zero", "memory.copy": "memories", "memory.init": "dataMemory", "data.drop": "data" },
  "atomic.fence": "zero",
};

const FIRST_WORDS: Readonly<Record<string, Immediates>> = { local: "local", global: "global" };
const ACCESS = /^(?:v128|[if]\d\d)\.(?:atomic\.)?(?:load|store|rmw)|^memory\.atomic/;

function immediatesOf(name: string): Immediates {
  const [type, rest = ""] = name.split(".");
  if (rest === "const") return type as Immediates;
  if (NAMED[name]) return NAMED[name];
  if (ACCESS.test(name)) return name.endsWith("_lane") ? "memoryLane" : "memory";
  return /(?:extract|replace)_lane/.test(rest) ? "lane" : FIRST_WORDS[type!] ?? "none";
}

/** Bytes that an access is about, as a power of two. */
function alignOf(name: string): number {
  if (!ACCESS.test(name)) return 0;
  const [, type, rest] = /^(\w+)\.(.*)/.exec(name)!;
  const pair = /(\d+)x(\d+)/.exec(rest!);
  if (pair) return Math.log2(Number(pair[1]) * Number(pair[2]) / 8);
  const bits = /(?:load|store|rmw|wait)(\d+)/.exec(rest!)?.[1] ?? /\d+/.exec(type!)?.[0] ?? "32"; // notify is of 32
  return Math.log2(Number(bits) / 8);
}

/** A number as LEB128, not negative. */
function unsigned(value: number): readonly number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...unsigned(value >>> 7)];
}

function instructionsOf([prefix, first, text]: (typeof ROWS)[number]): readonly (readonly [string, Instruction])[] {
  const names = text.split("; ").flatMap((part) => {
    const [type, rest] = part.split(": ");
    return rest ? rest.split(" ").map((name) => name === "-" ? name : `${type}.${name}`) : part.split(" ");
  });
  return names.flatMap((name, i) => {
    const code = prefix === null ? [first + i] : [prefix, ...unsigned(first + i)];
    const made = { code, immediates: immediatesOf(name), align: alignOf(name) };
    return name === "-" ? [] : [[name, made] as const];
  });
}

/** Instructions by name. */
export const INSTRUCTIONS: ReadonlyMap<string, Instruction> = new Map(ROWS.flatMap(instructionsOf));
