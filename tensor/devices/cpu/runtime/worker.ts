/** @file A worker of a cpu device. */
import { type Instances, join, type Launch, type Member, reportFailure, type Run, runLaunches } from "./crew.ts";
import { nodeThreads } from "./threads.ts";

/** What the device tells its workers. */
export type WorkerMessage =
  | { readonly kind: "join"; readonly member: Member }
  | { readonly kind: "load"; readonly program: number; readonly launches: readonly Launch[] }
  | { readonly kind: "drop"; readonly program: number }
  | { readonly kind: "run"; readonly program: number; readonly run: Run; readonly scratch: number };

const state: { member: Member | null } = { member: null };
const programs = new Map<number, { readonly launches: readonly Launch[]; readonly instances: Instances }>();

function handle(data: WorkerMessage): void {
  if (data.kind === "join") join(state.member = data.member);
  if (data.kind === "load") programs.set(data.program, { launches: data.launches, instances: new WeakMap() });
  if (data.kind === "drop") programs.delete(data.program);
  if (data.kind !== "run" || !state.member) return;
  try {
    const { launches, instances } = programs.get(data.program)!;
    runLaunches(launches, data.run, state.member, data.scratch, instances);
  } catch (error) {
    reportFailure(state.member);
    throw error;
  }
}

const port = nodeThreads()?.parentPort;
if (port) port.on("message", (data) => handle(data as WorkerMessage));
else globalThis.addEventListener("message", (event) => handle((event as MessageEvent<WorkerMessage>).data));
