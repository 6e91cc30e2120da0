/** @file A rank among others: sums arrays of many sizes by Open MPI, and tells whether the sums are right, and what they took to send. */
import { openMpi } from "../../../../spark/train/mpi/mod.ts";

/** Floats: below and above the size from which arrays go in parts, and such as divide into nothing. */
const LENGTHS = [1, 3, 1000, 16383, 16384, 100_003];
/** Bytes of the array whose way is counted. */
const BYTES = 2 ** 23;

const ranks = openMpi({ deadline: 60 });
const { rank, size } = ranks;

/** The sum of an array whose numbers are whole, so that no order of adding them rounds. */
function isRight(length: number): boolean {
  const values = Float32Array.from({ length }, (_, i) => (rank + 1) * (i % 1009) + rank);
  ranks.allReduce(values).wait();
  const [factors, ranksSummed] = [size * (size + 1) / 2, size * (size - 1) / 2];
  return values.every((x, i) => x === factors * (i % 1009) + ranksSummed);
}

/** Whether all have the same bits of a sum that is rounded. */
function isSame(length: number): boolean {
  const values = Float32Array.from({ length }, (_, i) => Math.sin(1 + rank + size * i));
  ranks.allReduce(values).wait();
  const all = new Float32Array(size * length);
  ranks.allGather(values, all);
  return all.every((x, i) => Object.is(x, all[i % length]));
}

/** Bytes that this process has written so far, to sockets too. */
function written(): number {
  return Number(/^wchar: (\d+)/m.exec(Deno.readTextFileSync("/proc/self/io"))![1]);
}

const right = LENGTHS.every(isRight) && LENGTHS.every(isSame);
ranks.barrier();
const before = written();
ranks.allReduce(new Float32Array(BYTES / 4)).wait();
const sent = (written() - before) / BYTES;
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify({ rank, right, sent })}\n`));
ranks.close();
