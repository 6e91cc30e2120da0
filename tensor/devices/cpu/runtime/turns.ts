/** Work on the memory of a device, one after the other in the order in which it was asked for. */
export interface Turns {
  /** Does a task: at once, or when what the device needs has come and all tasks before it are done. */
  take(task: () => void): void;
  /** Settles when nothing waits; rejects with what the first task that failed threw. */
  done(): Promise<void>;
  /** True if tasks are done at once. */
  readonly open: boolean;
}

/**
 * Makes the turns of a device. Memory is taken and given back at once, whether tasks wait or not: as they keep their order,
 * what is taken again is written after all that its former owner was needed for.
 *
 * @param opening What tasks wait for; `null` if they need not.
 * @returns The turns.
 */
export function makeTurns(opening: Promise<void> | null): Turns {
  const waiting: { tasks: (() => void)[] | null } = { tasks: opening ? [] : null };
  const opened = opening?.then(() => {
    for (const task of waiting.tasks!) task();
    waiting.tasks = null;
  });
  opened?.catch(() => {}); // told to whoever reads
  return {
    take: (task) => void (waiting.tasks ? waiting.tasks.push(task) : task()),
    done: () => opened ?? Promise.resolve(),
    get open() {
      return waiting.tasks === null;
    },
  };
}
