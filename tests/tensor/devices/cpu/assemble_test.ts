import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { assemble, hasRelaxedSimd } from "../../../../tensor/devices/cpu/runtime/assemble.ts";
import { DeviceError } from "../../../../tensor/errors.ts";

const CODE = `(func (export "run")
  (v128.store (i32.const 64) (f32x4.relaxed_madd (v128.load (i32.const 0)) (v128.load (i32.const 16)) (v128.load (i32.const 32)))))`;

/** Four lanes of a multiply-add; each operand counts up from its start, or stays at the one given. */
function run(module: WebAssembly.Module, same?: readonly number[]): Float32Array {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const operands = Array.from({ length: 12 }, (_, i) => same ? same[i >> 2]! : i + 1);
  new Float32Array(memory.buffer).set(operands);
  (new WebAssembly.Instance(module, { env: { memory } }).exports.run as () => void)();
  return new Float32Array(memory.buffer, 64, 4).slice();
}

Deno.test("Multiply-adds work fused and, where the engine has none, as two steps", () => {
  if (hasRelaxedSimd()) {
    deepStrictEqual(run(assemble(CODE, { relaxed: true }).module), new Float32Array([14, 22, 32, 44]));
  }
  deepStrictEqual(run(assemble(CODE, { relaxed: false }).module), new Float32Array([14, 22, 32, 44]));
});

Deno.test("Without relaxed SIMD a product is rounded before the addition", () => {
  const near = Math.fround(1 + 2 ** -12);
  const fused = run(assemble(CODE, { relaxed: false }).module, [near, near, -(1 + 2 ** -11)]);
  deepStrictEqual(fused, new Float32Array([0, 0, 0, 0]));
});

Deno.test("Equal texts are assembled once", () => {
  equal(assemble(CODE, { relaxed: false }), assemble(CODE, { relaxed: false }));
});

Deno.test("Operands of wrong types are refused with the line", () => {
  const code = `(func $one (result i32) (i32.const 1))
    (func (export "run")
      (drop (f32x4.add
        (call $one)
        (v128.const i32x4 0 0 0 0))))`;
  throws(() => assemble(code, { relaxed: true }), (error: Error) => {
    return error instanceof DeviceError && /Cannot assemble a kernel .*f32x4\.add.*, line 4$/.test(error.message);
  });
});

Deno.test("Text that is not valid is refused with the reason", () => {
  throws(() => assemble('(func (export "run") (i32.add))', { relaxed: true }), (error: Error) => {
    return error instanceof DeviceError && /Cannot assemble a kernel .*: current error is/.test(error.message);
  });
});
