/** @file A rank among others: exchanges values by Open MPI on a device and prints what it got; `lost` comes to no second exchange. */
import { openMpi } from "../../../../spark/train/mpi/mod.ts";
import { add, allGather, allReduce, jit, mul, openDevice, tensor } from "../../../../tensor/mod.ts";

const [name = "cpu", lost] = Deno.args;
const ranks = openMpi({ deadline: lost === undefined ? 60 : 2 });
const device = await openDevice(name, name === "cpu" ? { threads: 1 } : {});
const dtype = name === "reference" ? "float64" : "float32";
const sums = jit((x: ReturnType<typeof tensor>) => allReduce([add(x, 1), mul(x, 2)], ranks), { device });
const read = async (x: ReturnType<typeof tensor>) => [...await x.data({ device })];

const [first, second] = sums(tensor([ranks.rank + 1, 5], { dtype }));
const all = await read(allGather(tensor([ranks.rank, 7], { dtype: "int32" }), ranks));
const bytes = Uint8Array.from([ranks.rank, ranks.rank + 1, 9]);
ranks.broadcast(bytes, 1);
const found = {
  rank: ranks.rank,
  name: ranks.name,
  first: await read(first!),
  second: await read(second!),
  all,
  bytes: [...bytes],
};
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(found)}\n`));
if (lost !== undefined && Number(lost) === ranks.rank) Deno.kill(Deno.pid, "SIGSTOP");
try {
  ranks.barrier();
} catch (error) {
  const { constructor, message } = error as Error;
  Deno.stdout.writeSync(new TextEncoder().encode(`${constructor.name} of rank ${ranks.rank}: ${message}\n`));
  Deno.exit(75);
}
ranks.close();
device.close();
