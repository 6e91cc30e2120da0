/** @file What goes through a group of processes, exchange by exchange. */
import type { Collective } from "../../tensor/mod.ts";

/** An exchange. */
export interface Exchange {
  readonly kind: "sum" | "gather";
  /** Of this process. */
  readonly bytes: number;
  /** Seconds for which this process waited. */
  readonly seconds: number;
}

/** A group that keeps account. */
export interface CountedCollective extends Collective {
  /** What went through since it was asked last, in its order, which is that of all processes. */
  readonly taken: () => readonly Exchange[];
}

/**
 * Keeps account of what goes through a group.
 *
 * @param inner The group.
 * @returns The same, with `taken`.
 */
export function counted(inner: Collective): CountedCollective {
  const exchanges: { -readonly [Name in keyof Exchange]: Exchange[Name] }[] = [];
  const begin = (kind: Exchange["kind"], bytes: number) => {
    const exchange = { kind, bytes, seconds: 0 };
    exchanges.push(exchange);
    return (wait: () => void) => {
      const from = performance.now();
      wait();
      exchange.seconds += (performance.now() - from) / 1000;
    };
  };
  return {
    ...inner,
    allReduce(values) {
      const timed = begin("sum", values.byteLength);
      const pending = inner.allReduce(values);
      return { poll: pending.poll, wait: () => timed(pending.wait) };
    },
    allGather: (values, all) => begin("gather", values.byteLength)(() => inner.allGather(values, all)),
    taken: () => exchanges.splice(0),
  };
}

/**
 * Makes exchanges again, one right after the other, with nothing in between.
 *
 * @param collective The group.
 * @param exchanges Which.
 * @returns Seconds.
 */
export function backToBack(collective: Collective, exchanges: readonly Exchange[]): number {
  const arrays = exchanges.map(({ kind, bytes }) => ({ kind, own: new Float32Array(bytes / 4) }));
  const all = arrays.map(({ own }) => new Float32Array(collective.size * own.length));
  collective.barrier();
  const from = performance.now();
  arrays.forEach(({ kind, own }, i) => {
    if (kind === "sum") collective.allReduce(own).wait();
    else collective.allGather(own, all[i]!);
  });
  return (performance.now() - from) / 1000;
}
