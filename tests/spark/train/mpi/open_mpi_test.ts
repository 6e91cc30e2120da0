import { deepStrictEqual, equal, match, ok, throws } from "node:assert/strict";
import { openMpi } from "../../../../spark/train/mpi/mod.ts";
import { mpirun, testMpi } from "../../../support/mpirun.ts";

const [RANK, SUMS] = ["rank", "sums"].map((name) => new URL(`./${name}.ts`, import.meta.url).pathname) as [
  string,
  string,
];

for (const device of ["reference", "cpu", "webgpu"]) {
  testMpi(`Two ranks of Open MPI sum, gather and broadcast on ${device}`, async () => {
    const { code, stdout, stderr } = await mpirun(2, [RANK, device]);
    equal(code, 0, stderr);
    const found = stdout.trim().split("\n").map((line) => JSON.parse(line)).sort((a, b) => a.rank - b.rank);
    deepStrictEqual(found.map(({ rank }) => rank), [0, 1]);
    for (const { name, first, second, all, bytes } of found) {
      match(name, /^Open MPI [45]\./);
      deepStrictEqual({ first, second, all, bytes }, {
        first: [5, 12],
        second: [6, 20],
        all: [0, 7, 1, 7],
        bytes: [1, 2, 9],
      });
    }
  });
}

for (const size of [2, 3, 4]) {
  testMpi(`${size} ranks sum arrays of all sizes to the same bits, and none sends more than it must`, async () => {
    const args = ["--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "lo"]; // what goes by TCP is counted
    const { code, stdout, stderr } = await mpirun(size, [SUMS], { args });
    equal(code, 0, stderr);
    const found = stdout.trim().split("\n").map((line) => JSON.parse(line));
    deepStrictEqual(found.map(({ right }) => right), Array(size).fill(true));
    const isPower = Number.isInteger(Math.log2(size)); // else some take the part of two
    const least = 2 * (size - 1) / size;
    if (isPower) found.forEach(({ sent }) => ok(sent >= least && sent < 1.1 * least, `${sent} of ${least}`));
  });
}

testMpi("A rank that is stopped is named by the first of the others at the deadline; all end, none hangs", async () => {
  const { code, stdout } = await mpirun(3, [RANK, "cpu", "1"]);
  const said = stdout.split("\n").filter((line) => line.includes("Error of rank"));
  equal(code, 75); // by themselves: the launcher was not ended from outside
  match(
    said[0]!,
    /^CollectiveError of rank 0: Cannot go on as all 3 ranks must .* within 2 s: current rank that does not answer: 1$/,
  );
  ok(said.slice(1).every((line) => line.startsWith("QuietCollectiveError of rank 2")));
});

Deno.test("A library that is missing, another MPI and another launcher are refused by name, with what to install", () => {
  throws(
    () => openMpi({ library: "libnone.so.1" }),
    /library libnone\.so\.1 is missing; install it with apt-get install openmpi-bin/,
  );
  throws(() => openMpi({ deadline: 0 }), /deadline must be above 0 seconds: current deadline is 0/);
  const launched = ["OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE"].map((name) => [name, Deno.env.get(name)] as const);
  try {
    Deno.env.delete("OMPI_COMM_WORLD_SIZE");
    Deno.env.set("PMI_RANK", "1");
    Deno.env.set("PMI_SIZE", "4");
    throws(
      () => openMpi(),
      /Open MPI's mpirun must start them: current launcher is that of MPICH \(PMI_RANK is 1 of 4\)/,
    );
  } finally {
    launched.forEach(([name, value]) => value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value));
  }
});
