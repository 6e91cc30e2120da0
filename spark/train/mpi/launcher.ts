/** @file Who has started this process: what launchers tell in the environment. */

/** What Open MPI's launchers tell, `mpirun` and Slurm's `srun` with PMIx. */
export interface Launched {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
}

/** Names of rank and size by launcher. */
const OPEN_MPI = ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"] as const;
const SLURM = ["PMIX_RANK", "SLURM_NTASKS"] as const;
/** What the launcher of MPICH and its kin tells. */
const MPICH = ["PMI_RANK", "PMI_SIZE"] as const;

const numbersOf = ([rank, size]: readonly [string, string]): Launched | null => {
  const [first, second] = [Deno.env.get(rank), Deno.env.get(size)];
  return first === undefined || second === undefined ? null : { rank: Number(first), size: Number(second) };
};

/**
 * Tells which of how many processes this one was started as, without joining them.
 *
 * @returns Rank and size; null if it was started by itself.
 */
export function launched(): Launched | null {
  return numbersOf(OPEN_MPI) ?? numbersOf(SLURM);
}

/**
 * Refuses a process that another MPI has started: each would think that it is alone.
 *
 * @throws {Error} If so, naming the launcher.
 */
export function refuseOtherLauncher(): void {
  const other = launched() ? null : numbersOf(MPICH);
  if (!other || other.size < 2) return;
  throw new Error(
    "Cannot join other processes as Open MPI's mpirun must start them: current launcher is that of MPICH (PMI_RANK is " +
      `${other.rank} of ${other.size}); take mpirun.openmpi, or srun --mpi=pmix`,
  );
}
