/** The middle value; of an even number of values the upper of the two in the middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Median and extremes, under names that begin with `name`. */
export function spread(name: string, values: readonly number[]): Readonly<Record<string, number>> {
  return {
    [name]: median(values),
    [`${name}Fastest`]: Math.min(...values),
    [`${name}Slowest`]: Math.max(...values),
  };
}

/** The most memory that a process, this one if none is named, had so far: where the system does not tell, what this one has now. */
export function peakResidentBytes(pid: number | "self" = "self"): number {
  try {
    const kib = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
    if (kib) return Number(kib) * 1024;
  } catch { /* no such file: another system */ }
  return Deno.memoryUsage().rss;
}
