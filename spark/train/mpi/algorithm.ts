/**
 * @file How Open MPI sums. By its own choice a sum in place is made by one rank, which receives the arrays of the others, whole,
 * and sends the result back to them: twice the bytes one after the other, and two hops where one would do.
 */
import type { MpiLibrary } from "./library.ts";

/** Its variable, and the values of it: halves are exchanged and summed, quarters …, then collected; or whole arrays are exchanged. */
const VARIABLE = "coll_libnbc_iallreduce_algorithm";
const [BY_HALVES, WHOLE] = [3, 4];
/** Bytes from which arrays go by halves: twice the hops, but no byte more than must be sent. */
const LARGE = 2 ** 16;

/**
 * Makes the function that chooses how the next array is summed, by its size: on every rank alike.
 *
 * @param library Open MPI, initialised.
 * @returns From the bytes of an array; does nothing where users have chosen (`--mca coll_libnbc_iallreduce_algorithm`), or where
 * there is no such variable.
 */
export function algorithmChooser({ symbols }: MpiLibrary): (bytes: number) => void {
  const [index, count, value, handle] = [
    new Int32Array(1),
    new Int32Array(1),
    new Int32Array(1),
    new BigUint64Array(1),
  ];
  const isThere = symbols.MPI_T_init_thread(0, count) === 0 &&
    symbols.MPI_T_cvar_get_index(new TextEncoder().encode(`${VARIABLE}\0`), index) === 0 &&
    symbols.MPI_T_cvar_handle_alloc(index[0]!, null, handle, count) === 0 &&
    symbols.MPI_T_cvar_read(handle[0]!, value) === 0;
  if (!isThere || value[0] !== 0) return () => {};
  return (bytes) => {
    const wanted = bytes < LARGE ? WHOLE : BY_HALVES;
    if (value[0] === wanted) return;
    value[0] = wanted;
    symbols.MPI_T_cvar_write(handle[0]!, value);
  };
}
