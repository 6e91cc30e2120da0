/** @file Modules byte for byte as wabt makes them, and texts that are none. */
import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { type Instruction, INSTRUCTIONS } from "../../../../../tensor/devices/cpu/assembler/instructions.ts";
import { assembleWat, lineOfByte } from "../../../../../tensor/devices/cpu/assembler/module.ts";
import { assertSameBytes } from "../../../../support/wabt_bytes.ts";

/** What follows instructions in the texts. */
const IMMEDIATES: Readonly<Record<Instruction["immediates"], string>> = {
  ...{
    none: "",
    zero: "",
    memories: "",
    memory: "offset=300 align=1",
    lane: "1",
    memoryLane: "offset=5 1",
    local: "0",
  },
  ...{ i32: "-70000", i64: "0x7fff_ffff_ffff_ffff", f32: "-0x1.8p-3", f64: "1e-310", global: "$g", function: "$f" },
  ...{ v128: "i16x8 1 -2 3 0xffff 5 6 7 8", shuffle: "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31", label: "0" },
  ...{ labels: "0 0 0", indirect: "(param i32) (result f32)", select: "(result v128)", data: "0", dataMemory: "0" },
};

Deno.test("assembleWat() writes each instruction as wabt does", () => {
  equal(INSTRUCTIONS.size > 500, true);
  for (const [name, { immediates }] of INSTRUCTIONS) {
    const text = `(module (memory 1) (table 1 funcref) (global $g (mut i32) (i32.const 0)) (data "ab")
      (func $f (local i32) ${name} ${IMMEDIATES[immediates]}))`;
    assertSameBytes(text, name, { valid: false });
  }
});

const MODULES: Readonly<Record<string, string>> = {
  "nothing": "(module)",
  "functions that name each other, in any order": `(module (func $a (result i32) (call $b (i32.const 1)))
    (func $b (param $x i32) (result i32) (local.get $x)) (export "run" (func $a)))`,
  "exports within and beside what they export": `(module (func (export "b") (export "c")) (global $g i32 (i32.const 7))
    (export "a" (global $g)) (global (export "m") (mut f32) (f32.const nan:0x200001)))`,
  "types by name, and equal ones once": `(module (type $t (func (param i32 i32) (result i32))) (type (func))
    (func (type $t) (i32.sub (local.get 0) (local.get 1))) (func (param $x i32) (param $y i32) (result i32) local.get $y)
    (func (result f32 f32) (f32.const 1) (f32.const 2)))`,
  "variables of many types": `(module (func (param $p v128) (local $a i32) (local i32 f32 f32) (local $b v128)
    (local.set $b (local.get $p)) (local.set $a (local.get 2))))`,
  "blocks, folded and not": `(module (func (param $n i32) (result i32)
    (block $out (result i32) (loop $again (br_if $out (i32.const 3) (local.get $n)) drop (br $again)) (i32.const 4))
    block $x (result i32) local.get $n if $y (result i32) i32.const 1 else $y i32.const 2 br $x end end $x
    i32.add (if (result i32) (local.get $n) (then (i32.const 5)) (else nop (i32.const 6))) i32.mul
    (if (local.get $n) (then (return (i32.const 9))))))`,
  "blocks with several values": `(module (func (result i32) (i32.const 1) (i32.const 2)
    (block (param i32 i32) (result i32 i32) nop) i32.add))`,
  "tables, elements and calls through them": `(module (type $t (func (result i32))) (table 2 4 funcref)
    (func $f (type $t) (i32.const 1)) (elem (i32.const 0) $f $f) (elem (offset (i32.const 1)) func $f)
    (func (result i32) (call_indirect (type $t) (i32.const 1))))`,
  "memory and data":
    `(module (memory (export "memory") 1 2) (data "p\\t\\41\\u{e9}" "q") (data $d (i32.const 3) "\\00\\ff")
    (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d)))`,
  "copies between memories": `(module (import "a" "m" (memory $m 1 65536 shared)) (memory 1) (memory $last 0 2)
    (func (memory.copy $last $m (i32.const 1) (i32.const 2) (i32.const 3))
      (memory.copy 1 2 (i32.const 1) (i32.const 2) (i32.const 3)) i32.const 0 i32.const 0 i32.const 0 memory.copy
      (memory.copy (i32.const 1) (i32.const 2) (i32.const 3))))`,
  "imports": `(module (import "a" "f" (func $f (param i32))) (import "env" "memory" (memory 1 65536 shared))
    (import "a" "g" (global $g (mut i64))) (import "a" "t" (table 1 funcref))
    (func (call $f (i32.wrap_i64 (global.get $g)))) (start 1))`,
  "comments, spaces and underscores": `(module ;; one
    (; two (; three ;) "four ;) (func (i32.const 1_000) drop (; end ;) (f64.const 0x1_0.8p1_) drop))`
    .replace("four ;)", 'four" ;)').replace("p1_", "p1"),
  "floats": `(module (func ${
    [
      ...["0", "-0", "1", "0.1", "-1e-45", "3.4028235e38", "1e-50", "inf", "-inf", "nan", "-nan", "nan:0x7fffff"],
      ...["0x1p-149", "0x1.fffffep127", "-0x0.8p1", "1.00000017881393432617187499", "1.00000017881393432617187500"],
      ...[
        "1.00000017881393432617187501",
        "16777217",
        "16777219",
        "7.006492321624086e-46",
        "123456789012345678901234567890",
      ],
    ].map((value) => `(drop (f32.const ${value})) (drop (f64.const ${value}))`).join(" ").replaceAll(
      "nan:0x7fffff",
      "nan:0x3ff",
    )
  }))`,
  "whole numbers": `(module (func ${
    ["0", "-1", "63", "64", "-64", "-65", "8191", "8192", "2147483647", "-2147483648", "4294967295", "0xffffffff", "+5"]
      .map((value) => `(drop (i32.const ${value})) (drop (i64.const ${value}))`).join(" ")
  } (drop (i64.const 0xffff_ffff_ffff_ffff)) (drop (i64.const -9223372036854775808))))`,
};
for (const [name, text] of Object.entries(MODULES)) {
  Deno.test(`assembleWat() makes the bytes that wabt makes: ${name}`, () => assertSameBytes(text, name, {}));
}

/** Texts that are no modules, and what is said. */
const REFUSED: readonly (readonly [text: string, message: string])[] = [
  ["(module\n(func (i32.ad (i32.const 1))))", "line 2 as an instruction must be known: current word is i32.ad"],
  ["(module (func\n\n(local.get $x)))", "line 3 as a local must be there: current word is $x"],
  ["(module (func (call $f)))", "line 1 as a function must be there: current word is $f"],
  ["(module (func (block $a (br $b))))", "line 1 as a block of this name must be around: current word is $b"],
  ["(module (func (i32.const 4294967296)))", "as a whole number of 32 bits must follow: current word is 4294967296"],
  ["(module (func (f32.const one)))", "as a float of 32 bits must follow: current word is one"],
  ["(module (func (i32.load align=3 (i32.const 0))))", "as align must be a power of two: current word is align=3"],
  ["(module (func $f) (func $f))", "as each function must have a name of its own: current word is $f"],
  ["(module (func (local.get 0) block))", "as end must follow: current word is )"],
  ["(module (func (if (i32.const 1) (else))))", "as an instruction must be known: current word is else"],
  ["(module (func)", "line 1 as ) must follow: current text is at its end"],
  ["(module) (module)", "as the text must end with the module: current word is ("],
  ["(module (tag))", "as a field must be one of type, import, func, global, export, elem, data, table, memory, start"],
  ["(module (func (param i33)))", "as a type of values must be i32, i64, f32, f64 or v128: current word is i33"],
  ['(module (export "a (func 0)))', "as a string must follow"],
  ["(module\n(; (func)", "line 2 as its comment must end"],
];
for (const [text, message] of REFUSED) {
  Deno.test(`assembleWat() refuses ${JSON.stringify(text)}`, () => {
    throws(() => assembleWat(text), (error: Error) => {
      const whole = error.message.startsWith("Cannot assemble line ") && error.message.includes(message);
      return whole || (equal(error.message, message), false);
    });
  });
}

Deno.test("lineOfByte() finds instructions, folded and not", () => {
  const text = `(module (func $first (nop))
    (func (result i32)
      (i32.add
        (i32.const 300)
        (i32.const 7)))
    (func unreachable
      nop) (memory 1) (data "x"))`;
  const bytes = [...assembleWat(text)];
  const add = bytes.indexOf(0x6a);
  deepStrictEqual([add, add - 2, add - 5].map((byte) => lineOfByte(text, byte)), [3, 5, 4]);
});
