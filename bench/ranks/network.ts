/** @file Two network namespaces of this machine, joined by a line whose rate and delay are known: two machines for those within. */
import { fileURLToPath } from "node:url";

/** A line between two machines. */
export interface Network {
  /** Such as `1gbit`. */
  readonly name: string;
  /** Bits a second, each way. */
  readonly rate: number;
  /** Milliseconds that each packet takes besides. */
  readonly delay: number;
}

/** Two namespaces on a line. */
export interface Joined {
  /** A program within one of them, on one core, as a command line. */
  readonly within: (rank: 0 | 1, program: readonly string[]) => readonly string[];
  /** Ends all that runs in them. */
  readonly end: () => Promise<void>;
}

/** Name of the line's interface, in both. */
export const LINK = "line";
/** The interface's address in each. */
const ADDRESSES = ["10.77.0.1", "10.77.0.2"] as const;
/** Milliseconds for which packets may wait for their turn. */
const QUEUE = 50;

/** Runs a program of iproute2. */
async function run(program: string, line: string): Promise<string> {
  const output = await new Deno.Command(program, { args: line.split(" "), stdin: "null" }).output().catch(() => null);
  if (output?.success) return new TextDecoder().decode(output.stdout);
  const current = output ? new TextDecoder().decode(output.stderr).trim() : "no such program";
  throw new Error(
    `Cannot join two namespaces as ${program} ${line} must succeed: current error is ${current}; it wants Linux, root, ` +
      "and apt-get install iproute2",
  );
}

/** Joins the namespaces by a pair of interfaces of the system. */
async function plug([a, b]: readonly [string, string]): Promise<void> {
  await run("ip", `link add ${LINK} netns ${a} type veth peer name ${LINK} netns ${b}`);
}

/** Joins them by a process that hands on what it reads some milliseconds later; the line is there as long as the process is. */
async function relay(spaces: readonly [string, string], delay: number): Promise<Deno.ChildProcess> {
  const program = fileURLToPath(new URL("relay.ts", import.meta.url));
  const args = ["run", "-A", "--no-check", program, ...spaces, `${delay}`];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  const { done } = await reader.read(); // its first words: the interfaces are there
  if (done) throw new Error("Cannot join two namespaces as the relay must open /dev/net/tun: current relay has ended");
  reader.releaseLock();
  for (const space of spaces) await run("ip", `link set ${space} netns ${space} name ${LINK}`);
  return child;
}

/** Gives the interface of a namespace its address and its rate. */
async function open(space: string, address: string, rate: number): Promise<void> {
  const burst = Math.max(2 ** 18, Math.ceil(rate / 8 / 1000)); // a millisecond's, but no less than a few packets
  await run("ip", `-n ${space} addr add ${address}/24 dev ${LINK}`);
  for (const name of ["lo", LINK]) await run("ip", `-n ${space} link set ${name} up`);
  await run("tc", `-n ${space} qdisc add dev ${LINK} root tbf rate ${rate}bit burst ${burst} latency ${QUEUE}ms`);
}

/** Ends all that runs in a namespace. */
async function endAll(space: string): Promise<void> {
  const pids = (await run("ip", `netns pids ${space}`)).split("\n").filter(Boolean).map(Number);
  for (const pid of pids) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch { /* it has ended by itself */ }
  }
}

/**
 * Makes two namespaces and the line between them, does something there, and takes all away again, whatever happens.
 *
 * @param network The line.
 * @param work What is done.
 * @returns Its result.
 * @throws {Error} If they cannot be made, or as `work`.
 */
export async function withNetwork<T>({ rate, delay }: Network, work: (joined: Joined) => Promise<T>): Promise<T> {
  const spaces = [`ranks${Deno.pid}a`, `ranks${Deno.pid}b`] as const;
  const end = async () => void await Promise.all(spaces.map((space) => endAll(space).catch(() => {})));
  const opened: { relay?: Deno.ChildProcess } = {};
  try {
    for (const space of spaces) await run("ip", `netns add ${space}`);
    if (delay > 0) opened.relay = await relay(spaces, delay);
    else await plug(spaces);
    for (const [i, space] of spaces.entries()) await open(space, ADDRESSES[i]!, rate);
    const within: Joined["within"] = (
      rank,
      program,
    ) => ["ip", "netns", "exec", spaces[rank], "taskset", "-c", `${rank}`, ...program];
    return await work({ within, end });
  } finally {
    await end();
    await opened.relay?.stdin.close().catch(() => {}); // it ends with its input
    await opened.relay?.status;
    for (const space of spaces) await run("ip", `netns del ${space}`).catch(() => {});
  }
}
