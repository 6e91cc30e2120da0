/**
 * Groups of processes by Open MPI, called through `Deno.dlopen`: Deno alone, with `--allow-ffi`.
 *
 * @module
 */
export { openMpi, type OpenMpiOptions } from "./open_mpi.ts";
export { QuietCollectiveError } from "./roll_call.ts";
export { type Launched, launched } from "./launcher.ts";
