import { doesNotThrow, throws } from "node:assert/strict";
import type { WgslPass } from "../../../../tensor/compiler/kernel_text.ts";
import { refuseLarge, refusePass, type RunLimits } from "../../../../tensor/devices/webgpu/runtime/limits.ts";

const LIMITS: RunLimits = {
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeInvocationsPerWorkgroup: 256,
};

const pass = (workgroupSize: number, buffers: number, workgroups: number): WgslPass => ({
  buffers: Array.from({ length: buffers }, (_, i) => ({ name: `x${i}`, type: "f32", buffer: i })),
  workgroups,
  workgroupSize,
  write: () => ({ body: "" }),
});

Deno.test("refusePass() names the limit that a pass exceeds", () => {
  doesNotThrow(() => refusePass(LIMITS, pass(256, 8, 65535 ** 2), "matmul"));
  const rows = [
    [pass(64, 9, 1), /^DeviceError: Cannot run matmul .* at most 8 storage buffers a pass: current number is 9; /],
    [pass(64, 1, 65535 ** 2 + 1), /at most 4294836225 workgroups a pass: current number is 4294836226; /],
    [pass(320, 1, 1), /at most 256 invocations a workgroup: current number is 320; /],
  ] as const;
  rows.forEach(([each, message]) => throws(() => refusePass(LIMITS, each, "matmul"), message));
});

Deno.test("refuseLarge() takes the smaller of binding and buffer, and says what fits", () => {
  doesNotThrow(() => refuseLarge(LIMITS, 128 * 2 ** 20, [8]));
  throws(
    () => refuseLarge(LIMITS, 256 * 2 ** 20, [10, 3]),
    /\[10, 3\] .* 128 MiB: current size is 256 MiB; .* at most 5 fits/,
  );
  throws(
    () => refuseLarge({ ...LIMITS, maxBufferSize: 2 ** 20 }, 2 ** 21),
    /scratch .* 1 MiB: current size is 2 MiB; smaller/,
  );
});
