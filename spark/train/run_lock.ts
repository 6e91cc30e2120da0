/** @file The lock of a run folder: two processes never write one run. */
import { holderText, type LockHolder, ownHolder, parseHolder } from "./lock_holder.ts";

/** A folder that this process alone writes. Ends with `using`, and with the process, however it ends. */
export interface RunLock extends Disposable {
  /** Who held it before and ended without giving it back; null if nobody did. */
  readonly before: LockHolder | null;
}

/** Name of the lock's file in its folder. */
const LOCK_FILE = "run.lock";

/** What the error says besides who holds the folder. */
export interface LockOptions {
  /** What is to be done, such as `start a new run`. */
  readonly operation: string;
  /** What else can be done. */
  readonly advice: string;
}

/** Milliseconds that a holder may take to write who it is. */
const PATIENCE = 500;

/**
 * Takes the lock of a folder. It is the system's own lock of a file, which ends with the process that holds it, so that
 * a process that was killed leaves none behind; the file says who that is.
 *
 * @param path The folder; made if need be.
 * @param options What is to be done with it.
 * @returns The lock.
 * @throws {Error} If another process has it, naming that; or if files cannot be locked there.
 */
export function lockFolder(path: string, options: LockOptions): RunLock {
  const file = `${path}/${LOCK_FILE}`;
  for (;;) {
    Deno.mkdirSync(path, { recursive: true }); // its holder may have removed it, as nothing was in it
    const handle = Deno.openSync(file, { read: true, write: true, create: true });
    if (!lockedBy(handle, path)) {
      handle.close();
      refuse(path, holderOf(file), options);
    }
    if (!isAt(handle, file)) { // its holder gave it back, with its file, in between
      handle.close();
      continue;
    }
    const before = parseHolder(Deno.readTextFileSync(file));
    handle.truncateSync();
    handle.writeSync(new TextEncoder().encode(JSON.stringify(ownHolder())));
    return { before, [Symbol.dispose]: () => giveBack(handle, file) };
  }
}

function lockedBy(handle: Deno.FsFile, path: string): boolean {
  try {
    return handle.tryLockSync(true);
  } catch (cause) {
    throw new Error(
      `Cannot lock the run folder as its file system must have locks: current folder is ${path} ` +
        `(${(cause as Error).message}); name one on another disk with --out`,
      { cause },
    );
  }
}

/** True if the open file is the one that the path names. */
function isAt(handle: Deno.FsFile, path: string): boolean {
  try {
    return Deno.statSync(path).ino === handle.statSync().ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The file goes before the lock: who waits for it finds out that it is gone. */
function giveBack(handle: Deno.FsFile, path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // where open files cannot be removed, it stays, and locks nothing
  }
  handle.close();
}

/** Who holds a folder; it may be about to write it down. */
function holderOf(path: string): LockHolder | null {
  const end = performance.now() + PATIENCE;
  const wait = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const holder = parseHolder(textOf(path));
    if (holder || performance.now() > end) return holder;
    Atomics.wait(wait, 0, 0, 10);
  }
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function refuse(path: string, holder: LockHolder | null, { operation, advice }: LockOptions): never {
  const end = holder ? `, end it with kill ${holder.pid}` : "";
  throw new Error(
    `Cannot ${operation} as no other process may write its folder: current folder ${path} is held by ` +
      `${holderText(holder)}; wait for that${end}, or ${advice}`,
  );
}
