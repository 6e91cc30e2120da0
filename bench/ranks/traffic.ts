/** @file What goes through a group of processes, exchange by exchange. */
import type { Collective } from "../../tensor/mod.ts";

/** Bytes up to which an exchange is small: moments of batch norm, not gradients. */
const SMALL = 2 ** 16;

/** Exchanges since the last time, in their order, which is that of all ranks. */
export interface Traffic {
  /** True of moments. */
  readonly isSmall: readonly boolean[];
  /** Seconds for which this process waited. */
  readonly seconds: readonly number[];
}

/** A group that keeps account. */
export interface CountedCollective extends Collective {
  /** What went through since it was asked last. */
  readonly taken: () => Traffic;
}

/**
 * Keeps account of what goes through a group.
 *
 * @param inner The group.
 * @returns The same, with `taken`.
 */
export function counted(inner: Collective): CountedCollective {
  const last: { isSmall: boolean[]; seconds: number[] } = { isSmall: [], seconds: [] };
  const note = (bytes: number) => {
    last.isSmall.push(bytes <= SMALL);
    return last.seconds.push(0) - 1;
  };
  const timed = (at: number, wait: () => void) => {
    const from = performance.now();
    wait();
    last.seconds[at]! += (performance.now() - from) / 1000;
  };
  return {
    ...inner,
    allReduce(values) {
      const at = note(values.byteLength);
      const pending = inner.allReduce(values);
      return { poll: pending.poll, wait: () => timed(at, pending.wait) };
    },
    allGather: (values, all) => timed(note(all.byteLength), () => inner.allGather(values, all)),
    taken: () => ({ isSmall: last.isSmall.splice(0), seconds: last.seconds.splice(0) }),
  };
}
