/** Whether the user wants the run to end. */
export interface Interrupt {
  /** True after the first Ctrl-C. */
  requested(): boolean;
  /** Stops listening. */
  close(): void;
}

/** Exit code of a run that Ctrl-C ended: 128 and the number of the signal, as shells have it. */
export const INTERRUPTED = 130;

/**
 * Listens for Ctrl-C, and for SIGTERM where there is one: the first asks for an orderly end, the second exits at once.
 *
 * @param onRequest Called once, to tell the user.
 * @returns The request.
 */
export function listenForInterrupt(onRequest: () => void): Interrupt {
  const state = { requested: false };
  const handler = () => {
    if (state.requested) Deno.exit(INTERRUPTED);
    state.requested = true;
    onRequest();
  };
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  signals.forEach((signal) => Deno.addSignalListener(signal, handler));
  return {
    requested: () => state.requested,
    close: () => signals.forEach((signal) => Deno.removeSignalListener(signal, handler)),
  };
}
