/** @file The C library of Open MPI, as far as it is called: its constants are addresses of its own data, which no other MPI has. */
/** What is called. Counts and numbers are int; requests, and handles of the library's own settings, are written as 64-bit words. */
const SYMBOLS = {
  MPI_Init: { parameters: ["pointer", "pointer"], result: "i32" },
  MPI_Finalize: { parameters: [], result: "i32" },
  MPI_Comm_rank: { parameters: ["pointer", "buffer"], result: "i32" },
  MPI_Comm_size: { parameters: ["pointer", "buffer"], result: "i32" },
  MPI_Comm_set_errhandler: { parameters: ["pointer", "pointer"], result: "i32" },
  MPI_Error_string: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  MPI_Iallreduce: {
    parameters: ["pointer", "buffer", "i32", "pointer", "pointer", "pointer", "buffer"],
    result: "i32",
  },
  MPI_Iallgather: {
    parameters: ["buffer", "i32", "pointer", "buffer", "i32", "pointer", "pointer", "buffer"],
    result: "i32",
  },
  MPI_Ibcast: { parameters: ["buffer", "i32", "pointer", "i32", "pointer", "buffer"], result: "i32" },
  MPI_Ibarrier: { parameters: ["pointer", "buffer"], result: "i32" },
  MPI_Isend: { parameters: ["buffer", "i32", "pointer", "i32", "i32", "pointer", "buffer"], result: "i32" },
  MPI_Irecv: { parameters: ["buffer", "i32", "pointer", "i32", "i32", "pointer", "buffer"], result: "i32" },
  MPI_Test: { parameters: ["buffer", "buffer", "pointer"], result: "i32" },
  MPI_T_init_thread: { parameters: ["i32", "buffer"], result: "i32" },
  MPI_T_cvar_get_index: { parameters: ["buffer", "buffer"], result: "i32" },
  MPI_T_cvar_handle_alloc: { parameters: ["i32", "pointer", "buffer", "buffer"], result: "i32" },
  MPI_T_cvar_read: { parameters: ["u64", "buffer"], result: "i32" },
  MPI_T_cvar_write: { parameters: ["u64", "buffer"], result: "i32" },
  ompi_mpi_comm_world: { type: "pointer" },
  ompi_mpi_errors_return: { type: "pointer" },
  ompi_mpi_op_sum: { type: "pointer" },
  ompi_mpi_float: { type: "pointer" },
  ompi_mpi_double: { type: "pointer" },
  ompi_mpi_int: { type: "pointer" },
  ompi_mpi_unsigned: { type: "pointer" },
  ompi_mpi_byte: { type: "pointer" },
} as const;

const VERSION = { MPI_Get_library_version: { parameters: ["buffer", "buffer"], result: "i32" } } as const;

/** The library. */
export interface MpiLibrary {
  /** Such as `Open MPI 4.1.4`. */
  readonly name: string;
  /** Functions and constants. */
  readonly symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /** Lets other processes of this core run; does nothing where the system has no such call. */
  readonly yieldCore: () => void;
}

/** Name of Open MPI's library, of versions 4 and 5, by system. */
const FILE = Deno.build.os === "darwin" ? "libmpi.40.dylib" : "libmpi.so.40";
/** Libraries of MPICH and those that follow it, whose handles are numbers: to be told by name. */
const OTHERS = ["libmpi.so.12", "libmpich.so.12"];

const INSTALL = "install it with apt-get install openmpi-bin (Debian, Ubuntu), dnf install openmpi (Fedora) or brew " +
  "install open-mpi (macOS)";

/**
 * Opens Open MPI.
 *
 * @param file Where it lies; by its name, wherever the system looks for libraries, if not given.
 * @returns The library.
 * @throws {Error} If it is not installed, naming what to install, or another MPI, naming that.
 */
export function openLibrary(file: string = FILE): MpiLibrary {
  const version = versionOf(file);
  if (version === null) {
    const other = OTHERS.map(versionOf).find((text) => text !== null);
    refuse(other ? `library is ${other}, another MPI` : `library ${file} is missing`);
  }
  const [, number] = /^Open MPI v([45]\.[\d.]+)/.exec(version) ?? [];
  if (number === undefined) refuse(`library ${file} is ${version}`);
  return { name: `Open MPI ${number}`, symbols: Deno.dlopen(file, SYMBOLS).symbols, yieldCore: yieldOf() };
}

function refuse(current: string): never {
  throw new Error(
    `Cannot join other processes as Open MPI of version 4 or 5 must be installed: current ${current}; ${INSTALL}`,
  );
}

/** What a library says of itself, first line; null if there is none. */
function versionOf(file: string): string | null {
  try {
    const { symbols: { MPI_Get_library_version: tell } } = Deno.dlopen(file, VERSION);
    const [text, length] = [new Uint8Array(8192), new Int32Array(1)];
    tell(text, length);
    const [line = ""] = new TextDecoder().decode(text.subarray(0, length[0])).replace(/\0.*$/s, "").split("\n");
    return line.replace(/,? package:.*/, "").trim();
  } catch {
    return null;
  }
}

function yieldOf(): () => void {
  if (Deno.build.os !== "linux") return () => {};
  const { symbols } = Deno.dlopen("libc.so.6", { sched_yield: { parameters: [], result: "i32" } });
  return () => void symbols.sched_yield();
}

/** A rank among others. */
export interface Ranked {
  readonly rank: number;
  readonly size: number;
  /** Seconds after which another is given up. */
  readonly deadline: number;
}
