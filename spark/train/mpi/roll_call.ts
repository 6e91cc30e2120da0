import { CollectiveError } from "../../../tensor/mod.ts";
import type { MpiLibrary, Ranked } from "./library.ts";

/** Tag of its messages: no exchange has tags. */
const TAG = 7501;
/** Seconds in which a rank that is alive answers: all of them come to their deadline at about the same time. */
const PATIENCE = 5;
/** Milliseconds for which the others let the first of them speak. */
const COURTESY = 1000;

/** An error that another rank says: this one ends in silence. */
export class QuietCollectiveError extends CollectiveError {}

/**
 * Finds out who is missing, when an exchange was not done in time, and ends the run. Every rank that is alive asks all others at
 * which exchange they are; who does not answer is lost or stopped.
 *
 * @param library Open MPI.
 * @param ranked Who asks.
 * @param exchange Number of the exchange that waits.
 * @throws {CollectiveError} Always; it names the ranks. One that another rank says is quiet.
 */
export function rollCall({ symbols, name }: MpiLibrary, { rank, size, deadline }: Ranked, exchange: number): never {
  const { MPI_Isend: send, MPI_Irecv: receive, MPI_Test: test, ompi_mpi_comm_world: world, ompi_mpi_int: int } =
    symbols;
  const own = new Int32Array([exchange]);
  const others = [...Array(size).keys()].filter((other) => other !== rank).map((other) => {
    const [answer, request, done] = [new Int32Array(1), new BigUint64Array(1), new Int32Array(1)];
    receive(answer, 1, int, other, TAG, world, request);
    send(own, 1, int, other, TAG, world, new BigUint64Array(1));
    return { other, answer, request, done };
  });
  const [from, sleeper] = [performance.now(), new Int32Array(new SharedArrayBuffer(4))];
  const left = () => others.filter(({ request, done }) => done[0] === 0 && (test(request, done, null), done[0] === 0));
  while (left().length > 0 && performance.now() - from < 1000 * PATIENCE) Atomics.wait(sleeper, 0, 0, 1);
  const missing = left().map(({ other }) => other);
  const elsewhere = others.filter(({ other, answer }) => !missing.includes(other) && answer[0] !== exchange)
    .map(({ other, answer }) => `rank ${other} is at exchange ${answer[0]}, rank ${rank} at ${exchange}`);
  const current = missing.length > 0
    ? `${missing.length === 1 ? "rank that does" : "ranks that do"} not answer: ${missing.join(", ")}`
    : "ranks all answer";
  const message =
    `Cannot go on as all ${size} ranks must take part in each exchange of ${name} within ${deadline} s: current ` +
    [current, ...elsewhere].join("; ");
  const alive = others.map(({ other }) => other).filter((other) => !missing.includes(other));
  if (alive.every((other) => other > rank)) throw new CollectiveError(message);
  Atomics.wait(sleeper, 0, 0, COURTESY);
  throw new QuietCollectiveError(message);
}
