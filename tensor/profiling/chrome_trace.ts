/** @file A trace of host and device for `chrome://tracing` and Perfetto, in the trace event format. */
import type { LaunchTime } from "../compiler/profile.ts";
import { familyOf, labelOf } from "./profile_table.ts";

/** Something that the host did, in milliseconds on the clock of `performance.now()`. */
export interface HostSpan {
  /** What it did. */
  readonly name: string;
  /** When it began. */
  readonly start: number;
  /** How long it took. */
  readonly milliseconds: number;
}

/** A complete event or the name of a row. */
export interface TraceEvent {
  /** What is shown. */
  readonly name: string;
  /** `X` of a complete event, `M` of the name of a row. */
  readonly ph: "X" | "M";
  /** Process: 1. */
  readonly pid: number;
  /** Row: 1 of the host, 2 of the device. */
  readonly tid: number;
  /** When it began, in microseconds. */
  readonly ts?: number;
  /** How long it took, in microseconds. */
  readonly dur?: number;
  /** `host` or `kernel`. */
  readonly cat?: string;
  /** What more is told of it. */
  readonly args?: Readonly<Record<string, string | number>>;
}

const [HOST, DEVICE] = [1, 2];

/**
 * Makes the events of a trace: a row for the host, a row for the device.
 *
 * @param device Name of the device.
 * @param spans What the host did.
 * @param launches What the device did.
 * @returns The object to be written as JSON; its times begin at 0.
 */
export function chromeTrace(
  device: string,
  spans: readonly HostSpan[],
  launches: readonly LaunchTime[],
): { readonly traceEvents: readonly TraceEvent[]; readonly displayTimeUnit: "ms" } {
  const origin = [...spans, ...launches].reduce((least, { start }) => Math.min(least, start), Infinity);
  const at = (tid: number, start: number, milliseconds: number) =>
    ({ ph: "X", pid: 1, tid, ts: 1000 * (start - origin), dur: 1000 * milliseconds }) as const;
  const names = ([[HOST, "host"], [DEVICE, device]] as const).map(([tid, name]) =>
    ({ name: "thread_name", ph: "M", pid: 1, tid, args: { name } }) as const
  );
  return {
    displayTimeUnit: "ms",
    traceEvents: [
      ...names,
      ...spans.map(({ name, start, milliseconds }) => ({ name, cat: "host", ...at(HOST, start, milliseconds) })),
      ...launches.map((time) => ({
        name: familyOf(time),
        cat: "kernel",
        ...at(DEVICE, time.start, time.milliseconds),
        args: { kernel: labelOf(time), pass: time.pass },
      })),
    ],
  };
}
