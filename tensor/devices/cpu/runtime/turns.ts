/** Work on the memory of a device, one after the other in the order in which it was asked for. */
export interface Turns {
  /** Does a task: at once, or when what the device needs has come and all tasks before it are done. */
  take(task: () => void): void;
  /** Settles when nothing waits; rejects with what the first task that failed threw. */
  done(): Promise<void>;
  /** True if tasks are done at once. */
  readonly open: boolean;
  /** Makes tasks from here on wait for something, unless they wait already. */
  hold(opening: Promise<void>): void;
}

/**
 * Makes the turns of a device. Memory is taken and given back at once, whether tasks wait or not: as they keep their order,
 * what is taken again is written after all that its former owner was needed for.
 *
 * @param opening What tasks wait for; `null` if they need not.
 * @returns The turns.
 */
export function makeTurns(opening: Promise<void> | null): Turns {
  const waiting: { tasks: (() => void)[] | null; opened: Promise<void> } = { tasks: null, opened: Promise.resolve() };
  const hold = (opening: Promise<void>) => {
    if (waiting.tasks) return;
    waiting.tasks = [];
    waiting.opened = opening.then(() => {
      for (const task of waiting.tasks!) task();
      waiting.tasks = null;
    });
    waiting.opened.catch(() => {}); // told to whoever reads
  };
  if (opening) hold(opening);
  return {
    take: (task) => void (waiting.tasks ? waiting.tasks.push(task) : task()),
    done: () => waiting.opened,
    get open() {
      return waiting.tasks === null;
    },
    hold,
  };
}
