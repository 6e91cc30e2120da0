import { type Collective, CollectiveError, type Exchanged, type Pending } from "../../../tensor/mod.ts";
import { requireOptions } from "../../../tensor/kernel.ts";
import { algorithmChooser } from "./algorithm.ts";
import { type MpiLibrary, openLibrary, type Ranked } from "./library.ts";
import { refuseOtherLauncher } from "./launcher.ts";
import { rollCall } from "./roll_call.ts";

/** Options of `openMpi`. */
export interface OpenMpiOptions {
  /** Seconds after which a rank that takes no part in an exchange is given up; 300 if not given. */
  readonly deadline?: number;
  /** File of the library, by its name if not given. */
  readonly library?: string;
}

/** Value of `MPI_IN_PLACE`. */
const IN_PLACE = Deno.UnsafePointer.create(1n);
/** Polls before other processes of the core are let run, and before the process sleeps between two of them. */
const [SPINS, YIELDS] = [64, 2000];
/** Milliseconds between two polls that count: a longer gap was not spent waiting, the whole machine stood still. */
const LONGEST_GAP = 1000;
/** Milliseconds of such a sleep: next to nothing beside an exchange that has taken so long. */
const SLEEP = 0.1;

/**
 * Joins the processes that `mpirun` has started. Sums are made where the numbers lie: on the cpu device in its memory, without
 * a copy. A process that was not started by `mpirun` is alone: size 1. To be opened once in a process; `close` ends it.
 *
 * @param options Deadline, library.
 * @returns The group.
 * @throws {Error} If Open MPI is not installed, or another MPI is there or has started the process, by name.
 * @throws {CollectiveError} By its functions, if a rank takes no part within the deadline, naming it.
 *
 * @example Usage
 * ```ts ignore
 * // mpirun -n 2 deno run -A sum.ts
 * import { openMpi } from "@tessera/tessera/mpi";
 * import { allReduce, tensor } from "@tessera/tessera/tensor";
 *
 * const ranks = openMpi();
 * console.log(await allReduce(tensor(ranks.rank + 1), ranks).item()); // 3
 * ranks.close();
 * ```
 */
export function openMpi(options: OpenMpiOptions = {}): Collective {
  requireOptions("openMpi", options, { deadline: true, library: true });
  const { deadline = 300 } = options;
  if (!(deadline > 0)) {
    throw new RangeError(
      `Cannot join other processes as deadline must be above 0 seconds: current deadline is ${deadline}`,
    );
  }
  refuseOtherLauncher();
  const library = openLibrary(options.library);
  const { symbols } = library;
  const world = symbols.ompi_mpi_comm_world;
  require(library, symbols.MPI_Init(null, null), "MPI_Init");
  require(library, symbols.MPI_Comm_set_errhandler(world, symbols.ompi_mpi_errors_return), "MPI_Comm_set_errhandler");
  const numberBy = (ask: (world: Deno.PointerValue, into: Int32Array<ArrayBuffer>) => number) => {
    const into = new Int32Array(1);
    ask(world, into);
    return into[0]!;
  };
  const group = { rank: numberBy(symbols.MPI_Comm_rank), size: numberBy(symbols.MPI_Comm_size) };
  return exchangesOf(library, { ...group, deadline });
}

function exchangesOf(library: MpiLibrary, ranked: Ranked): Collective {
  const { symbols, name } = library;
  const { ompi_mpi_comm_world: world, ompi_mpi_op_sum: sum } = symbols;
  const [begin, choose] = [beginner(library, ranked), algorithmChooser(library)];
  return {
    name,
    rank: ranked.rank,
    size: ranked.size,
    waited: () => begin.waited.seconds,
    allReduce: (values) =>
      begin(
        "sum",
        [values],
        (request) => {
          choose(values.byteLength);
          return symbols.MPI_Iallreduce(
            ...[IN_PLACE, words(values), values.length, typeOf(library, values), sum, world, request] as const,
          );
        },
      ),
    allGather(values, all) {
      const type = typeOf(library, values);
      begin(
        "gather",
        [values, all],
        (request) =>
          symbols.MPI_Iallgather(words(values), values.length, type, words(all), values.length, type, world, request),
      ).wait();
    },
    broadcast(bytes, root) {
      begin(
        "broadcast",
        [bytes],
        (request) => symbols.MPI_Ibcast(words(bytes), bytes.length, symbols.ompi_mpi_byte, root, world, request),
      ).wait();
    },
    barrier: () => begin("barrier", [], (request) => symbols.MPI_Ibarrier(world, request)).wait(),
    close: () => void symbols.MPI_Finalize(),
  };
}

/** Numbers as the library is given them. Asking for the buffer moves small arrays out of the collected heap. */
function words(values: Exchanged | Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
}

function typeOf({ symbols }: MpiLibrary, values: Exchanged): Deno.PointerValue {
  if (values instanceof Float32Array) return symbols.ompi_mpi_float;
  if (values instanceof Float64Array) return symbols.ompi_mpi_double;
  return values instanceof Int32Array ? symbols.ompi_mpi_int : symbols.ompi_mpi_unsigned;
}

/** Makes the function that begins exchanges; it counts them, and the seconds for which this rank waited. */
function beginner(library: MpiLibrary, ranked: Ranked) {
  const { symbols, yieldCore } = library;
  const waited = { seconds: 0 };
  const count = { exchanges: 0 };
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const begin = (
    what: string,
    held: readonly unknown[],
    start: (request: BigUint64Array<ArrayBuffer>) => number,
  ): Pending => {
    const [request, done] = [new BigUint64Array(1), new Int32Array(1)];
    count.exchanges++;
    require(library, start(request), what);
    const poll = () => {
      if (done[0] === 0) require(library, symbols.MPI_Test(request, done, null), what);
      return done[0] !== 0 && held !== null; // what is exchanged is held as long as this is
    };
    const wait = () => {
      const from = performance.now();
      let [last, patience] = [from, 1000 * ranked.deadline];
      for (let polls = 0; !poll(); polls++) {
        if (polls > YIELDS) Atomics.wait(sleeper, 0, 0, SLEEP);
        else if (polls > SPINS) yieldCore();
        const now = performance.now();
        patience -= Math.min(now - last, LONGEST_GAP);
        last = now;
        if (patience < 0) rollCall(library, ranked, count.exchanges);
      }
      waited.seconds += (performance.now() - from) / 1000;
    };
    return { poll, wait };
  };
  return Object.assign(begin, { waited });
}

/** Ends the run if the library reports an error. */
function require(library: MpiLibrary, code: number, what: string): void {
  if (code === 0) return;
  const [text, length] = [new Uint8Array(1024), new Int32Array(1)];
  library.symbols.MPI_Error_string(code, text, length);
  const message = new TextDecoder().decode(text.subarray(0, length[0]));
  throw new CollectiveError(
    `Cannot go on as ${what} of all ranks must succeed: current error of ${library.name} is ${message}`,
  );
}
