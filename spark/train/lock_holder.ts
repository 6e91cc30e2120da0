/** @file Who holds a lock, as its file says it. */

/** A process that holds a lock. */
export interface LockHolder {
  /** Number of the process. */
  readonly pid: number;
  /** Name of its machine. */
  readonly host: string;
  /** When it took the lock, ISO 8601. */
  readonly since: string;
}

/** This process, now. */
export function ownHolder(): LockHolder {
  return { pid: Deno.pid, host: Deno.hostname(), since: new Date().toISOString() };
}

/**
 * Reads who holds a lock.
 *
 * @param text Content of its file.
 * @returns The holder; null if the text does not say.
 */
export function parseHolder(text: string): LockHolder | null {
  try {
    const { pid, host, since } = JSON.parse(text);
    return typeof pid === "number" && typeof host === "string" && typeof since === "string"
      ? { pid, host, since }
      : null;
  } catch {
    return null; // empty or unfinished
  }
}

/** Says who it is: `process 12 on box since 2026-01-31T12:00:00.000Z`. */
export function holderText(holder: LockHolder | null): string {
  return holder ? `process ${holder.pid} on ${holder.host} since ${holder.since}` : "a process that does not say which";
}
