import { deepStrictEqual, equal, ok, rejects, strictEqual, throws } from "node:assert/strict";
import {
  add,
  allGather,
  allReduce,
  alone,
  type Collective,
  cpuDevice,
  grad,
  jit,
  joinThreads,
  matmul,
  mul,
  openDevice,
  referenceDevice,
  reshape,
  sin,
  sum,
  type Tensor,
  tensor,
  threads,
} from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { casesOn, expectedOf, SIZE, VALUES } from "./cases.ts";
import type { Told } from "./thread_worker.ts";

type Found = Readonly<Record<string, ArrayLike<number>>>;

/** What each thread of a group finds on a device. */
async function findAll(device: string): Promise<readonly Found[]> {
  return await Promise.all(
    threads(SIZE).map((seat) => {
      const worker = new Worker(new URL("./thread_worker.ts", import.meta.url), { type: "module" });
      return new Promise<Found>((resolve, reject) => {
        worker.onmessage = ({ data: { found, error } }) => found ? resolve(found) : reject(new Error(error));
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage({ seat, device } satisfies Told);
      });
    }),
  );
}

/** Second gradients are sums of terms up to a hundred times as large. */
const SINGLE = { absolute: 5e-5, relative: 5e-5 };
const near = { reference: { absolute: 1e-12, relative: 1e-12 }, cpu: SINGLE, webgpu: SINGLE, interpreter: SINGLE };

async function checkAll(device: keyof typeof near): Promise<void> {
  const found = await findAll(device);
  const reference = referenceDevice();
  const data = VALUES;
  for (const [name] of casesOn(device)) {
    for (const [rank, values] of found.entries()) {
      const expected = expectedOf(name, rank);
      if (expected) {
        assertClose(values[name]!, await expected.data({ device: reference }), near[device], `${name}, rank ${rank}`);
      }
    }
  }
  const [first] = found as [Found];
  // Sums of the three rows by hand: 0.7, 0.1, 5.5, and of all 6.3.
  const columns = [0.7, 0.1, 5.5];
  const tolerance = near[device];
  assertClose(first["a tree in one exchange"]!, columns.map((s) => 2 * s + 3 * s + 6.3 * (s + 3)), tolerance, "tree");
  deepStrictEqual(
    [...found[2]!["ranks in order"] as Float32Array].map((x) => Math.fround(x)),
    data.flat().map(Math.fround),
  );
  ok([...first["the maximum of what is not a number"] as Float32Array].every(Number.isNaN));
  deepStrictEqual([...first["sums of integers"] as Int32Array], [6, -21]);
  if (device === "interpreter") return; // it runs no loops
  assertClose(first["exchanges within a loop"]!, loopByHand(data), tolerance, "loop");
  found.forEach((each) => deepStrictEqual(each["exchanges within a loop"], first["exchanges within a loop"]));
}

function loopByHand(data: readonly (readonly number[])[]): number[] {
  const forms = [(x: number) => x, (x: number) => x * x, Math.sin];
  let carries = data;
  return forms.flatMap((form) => {
    const next = [0, 1, 2].map((i) =>
      data.reduce((sum, x, r) => sum + Math.sin(carries[r]![i]!) + form(x[i]!), 0) / SIZE
    );
    carries = data.map(() => next);
    return next;
  });
}

for (const device of ["reference", "cpu", "interpreter"] as const) {
  Deno.test(`What a group computes, and its derivatives, are what one process finds that has all data: ${device}`, () =>
    checkAll(device));
}
testWebgpu(
  "What a group computes, and its derivatives, are what one process finds that has all data: webgpu",
  () => checkAll("webgpu"),
);

Deno.test("Alone nothing is added to a program: results are operands, launches and planned bytes are equal", () => {
  const device = cpuDevice({ threads: 1 });
  const x = tensor([1, 2, 3]);
  const statsOf = (combine: (x: Tensor) => Tensor) =>
    device.compile({ inputs: [], outputs: [grad((y: Tensor) => sum(mul(combine(y), y)))(x)], donated: new Set() })
      .stats;
  for (const op of ["sum", "mean", "max"] as const) {
    strictEqual(allReduce(x, alone(), { op }), x);
    deepStrictEqual(statsOf((y) => allReduce(y, alone(), { op })), statsOf((y) => y));
  }
  deepStrictEqual(allGather(x, alone()).shape, [1, 3]);
  device.close();
});

Deno.test("Sums of a program lie in one range and are made in place: no more memory than the operands take, one exchange", async () => {
  const device = cpuDevice({ threads: 1 });
  const calls: number[] = [];
  const pair = {
    ...alone(),
    size: 2,
    allReduce: (values: { length: number }) => (calls.push(values.length), alone().allReduce(values as never)),
  };
  const xs = [tensor([1, 2, 3]), tensor([[4], [5]]), tensor(6)];
  const program = (summed: (x: readonly Tensor[]) => readonly Tensor[]) => ({
    inputs: [],
    outputs: [summed(xs.map((x) => mul(x, x))).map((x) => sum(add(x, 1))).reduce(add)],
    donated: new Set<number>(),
  });
  const plain = device.compile(program((x) => x));
  const exchanging = device.compile(program((x) => allReduce([...x], pair)));
  const [buffer] = exchanging.run([]);
  assertClose(await device.read(buffer!), [1 + 4 + 9 + 16 + 25 + 36 + 6]);
  equal(calls.length, 1);
  ok(calls[0]! >= 6);
  ok(exchanging.stats.plannedBytes <= plain.stats.plannedBytes + 4 * 64);
  device.close();
});

/** A group of two that have the same, and what it was asked, in order. */
function observed(): { readonly pair: Collective; readonly asked: string[] } {
  const asked: string[] = [];
  const pair: Collective = {
    ...alone(),
    size: 2,
    allReduce({ length }) {
      const number = asked.filter((one) => one.startsWith("begin")).length;
      asked.push(`begin ${length}`);
      return { poll: () => (asked.push(`poll ${number}`), false), wait: () => void asked.push(`wait ${number}`) };
    },
  };
  return { pair, asked };
}

Deno.test("Large sums go in parts in the order in which they are made, each begins at once and is waited for by its reader", async () => {
  const device = cpuDevice({ threads: 1 });
  const found = (bucketBytes: number) => {
    const { pair, asked } = observed();
    const program = jit((x: Tensor) => {
      const a = matmul(x, x);
      const b = matmul(sin(a), a);
      const c = matmul(sin(b), b);
      // Given last to first; what is made first goes first.
      return allReduce([c, b, a], pair, { bucketBytes }).map((sum) => matmul(sum, sum));
    }, { device });
    const results = program(reshape(tensor(Array.from({ length: 16 * 16 }, (_, i) => i % 7 / 100)), [16, 16]));
    return { asked, results: Promise.all(results.map((x) => x.data({ device }))) };
  };
  const whole = found(Infinity);
  const parts = found(1024);
  deepStrictEqual(await parts.results, await whole.results);
  deepStrictEqual(whole.asked, ["begin 768", "wait 0"]);
  const told = parts.asked.filter((one) => !one.startsWith("poll"));
  deepStrictEqual(told, ["begin 256", "begin 256", "begin 256", "wait 2", "wait 1", "wait 0"]);
  const second = parts.asked.indexOf("begin 256", 1);
  ok(parts.asked.slice(1, second).includes("poll 0"), "the first sum is moved on while the second operand is made");
  device.close();
});

Deno.test("Small sums that are results of a program go together, each to its place", async () => {
  const device = cpuDevice({ threads: 1 });
  const { pair, asked } = observed();
  const program = jit((x: Tensor) => allReduce([mul(x, 2), sum(x), mul(x, x)], pair), { device });
  const found = await Promise.all(program(tensor([1, 2, 3])).map(async (x) => [...await x.data({ device })]));
  deepStrictEqual(found, [[2, 4, 6], [6], [1, 4, 9]]);
  deepStrictEqual(asked, ["begin 7", "wait 0"]);
  device.close();
});

Deno.test("Maps write over sums that lie in one range, each over its own", async () => {
  const device = cpuDevice({ threads: 1 });
  const pair = { ...alone(), size: 2 }; // of two that have the same: sums are what they are made of
  const x = tensor([1, 2, 3]);
  const both = (combine: (x: readonly Tensor[]) => readonly Tensor[]) =>
    jit((y: Tensor) => {
      const [a, b] = combine([mul(y, y), add(y, 5)]) as [Tensor, Tensor];
      const [c, d] = [sin(a), sin(b)];
      return [matmul(reshape(c, [3, 1]), reshape(d, [1, 3])), matmul(reshape(c, [1, 3]), reshape(d, [3, 1]))];
    }, { device })(x);
  const expected = both((tensors) => tensors);
  for (const [i, found] of both((tensors) => allReduce(tensors, pair)).entries()) {
    assertClose(await found.data({ device }), await expected[i]!.data({ device }));
  }
  device.close();
});

Deno.test("Threads hand over arrays longer than a slot, and bytes of any number", async () => {
  const source = `
    import { joinThreads } from "${new URL("../../../tensor/mod.ts", import.meta.url)}";
    onmessage = ({ data }) => {
      const group = joinThreads(data);
      const long = Float32Array.from({ length: 700001 }, (_, i) => i % 7 + group.rank);
      group.allReduce(long).wait();
      const bytes = Uint8Array.from({ length: 5 }, (_, i) => 10 * group.rank + i);
      group.broadcast(bytes, 1);
      group.barrier();
      postMessage([long[0], long[700000], bytes.join()]);
      close();
    };`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const found = await Promise.all(
    threads(2).map((seat) => {
      const worker = new Worker(url, { type: "module" });
      return new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage(seat);
      });
    }),
  );
  const last = 2 * (700000 % 7) + 1;
  deepStrictEqual(found, [[1, last, "10,11,12,13,14"], [1, last, "10,11,12,13,14"]]);
});

Deno.test("A thread that does not come ends the exchange at the deadline, on every device", async () => {
  const [seat] = threads(2, { deadline: 40 });
  for (const name of ["reference", "cpu"]) {
    const device = await openDevice(name, name === "cpu" ? { threads: 1 } : {});
    const read = async () => await allReduce(tensor([1]), joinThreads(seat!)).data({ device });
    await rejects(read, /all 2 threads must come to an exchange within 0.04 s/);
    device.close();
  }
});

testWebgpu("A thread that does not come ends the exchange at the deadline, on webgpu", async (device) => {
  const collective = joinThreads(threads(2, { deadline: 40 })[0]!);
  await rejects(allReduce(tensor([1]), collective).data({ device }), /CollectiveError: Cannot go on as all 2 threads/);
});

Deno.test("What cannot be exchanged is refused by name", () => {
  throws(
    () => allReduce(tensor([1]), alone(), { op: "min" as never }),
    /op must be one of sum, mean, max: current op is min/,
  );
  throws(
    () => allReduce(tensor([1]), alone(), { bucketBytes: 0 }),
    /bucketBytes must be above 0: current bucketBytes is 0/,
  );
  throws(() => allReduce(tensor([true]), alone()), /leaves must be tensors of numbers/);
  throws(() => allReduce({ a: 3 } as never, alone()), /leaves must be tensors of numbers: current leaf is 3/);
  throws(() => allGather(tensor([true]), alone()), /cast it to int32/);
  throws(() => threads(0), /size must be a whole number of at least 1: current size is 0/);
});
