import { deepStrictEqual, ok } from "node:assert/strict";
import { chromeTrace } from "../../../tensor/profiling/chrome_trace.ts";
import { add, cpuDevice, jit, matmul, type Tensor, tensor } from "../../../tensor/mod.ts";
import type { LaunchTime } from "../../../tensor/kernel.ts";

Deno.test("chromeTrace() has a row for the host and one for the device, in microseconds from 0", async () => {
  const times: LaunchTime[] = [];
  const device = cpuDevice({ threads: 1, onLaunch: (time) => void times.push(time) });
  const start = performance.now();
  const f = jit((x: Tensor) => matmul(add(x, 1), x), { device });
  await f(tensor([[1, 2], [3, 4]])).data();
  device.close();
  const spans = [{ name: "call", start, milliseconds: performance.now() - start }];
  const { traceEvents } = JSON.parse(JSON.stringify(chromeTrace("cpu", spans, times))) as ReturnType<
    typeof chromeTrace
  >;
  const rows = traceEvents.filter(({ ph }) => ph === "M").map(({ tid, args }) => [tid, args!.name]);
  deepStrictEqual(rows, [[1, "host"], [2, "cpu"]]);
  const events = traceEvents.filter(({ ph }) => ph === "X");
  deepStrictEqual(events.map(({ name, tid, ts }) => [name, tid, ts === 0])[0], ["call", 1, true]);
  const kernels = events.filter(({ tid }) => tid === 2);
  deepStrictEqual(kernels.length, times.length);
  ok(kernels.some(({ name }) => name === "matmul"));
  const { dur } = events[0]!;
  ok(
    kernels.every((event) => event.ts! >= 0 && event.dur! >= 0 && event.ts! + event.dur! <= dur! + 1),
    "kernels within the call",
  );
});
