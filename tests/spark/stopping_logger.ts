/** @file A logger that stops the process of its run: by the signal STOP_BY, as soon as step STOP_AFTER is logged. */
import type { RunEvent } from "../../spark/train/run_logger.ts";

const [after, by] = [Number(Deno.env.get("STOP_AFTER")), Deno.env.get("STOP_BY") as Deno.Signal];

export default function stop(event: RunEvent): void {
  if (event.kind === "steps" && event.records.some(({ step }) => step === after)) Deno.kill(Deno.pid, by);
}
