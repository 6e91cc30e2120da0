/** @file Two machines on one: network namespaces joined by a cable of a chosen rate, or by a relay that holds every frame back. */

/** How the machines are joined. */
export interface Link {
  /** Such as `10 Gbit/s`. */
  readonly name: string;
  /** Rate of each direction, as `tc` takes it. */
  readonly rate: string;
  /** True if frames go through the relay. */
  readonly relayed: boolean;
}

/** Milliseconds for which the relay holds every frame back. */
export const DELAY = 5;

/** The settings that are measured. */
export const LINKS: readonly Link[] = [
  { name: "10 Gbit/s", rate: "10gbit", relayed: false },
  { name: "1 Gbit/s", rate: "1gbit", relayed: false },
  { name: `1 Gbit/s, ${DELAY} ms`, rate: "1gbit", relayed: true },
];

/** Namespaces of the two machines, and of what lies between them. */
export const [FIRST, SECOND, BETWEEN] = ["tessera-a", "tessera-b", "tessera-between"] as const;
/** Addresses of the machines. */
export const ADDRESSES = ["10.177.0.1", "10.177.0.2"] as const;
/** Ends of the cables that lie between, to the first machine and to the second. */
export const ENDS = ["tsr-ma", "tsr-mb"] as const;

/** Runs a command; throws what it says if it fails. */
function run(command: string): void {
  const [program, ...args] = command.split(" ") as [string, ...string[]];
  const { success, stderr } = new Deno.Command(program, { args, stdout: "null", stderr: "piped" }).outputSync();
  if (success) return;
  throw new Error(
    `Cannot join two namespaces as ${command} must succeed (it needs root, iproute2 and a kernel with veth, bridge and ` +
      `sch_tbf): current error is ${new TextDecoder().decode(stderr).trim()}`,
  );
}

/** Makes the namespaces and the cables; takes away what an earlier run may have left. */
export function layCables(): void {
  takeAway();
  for (const name of [FIRST, SECOND, BETWEEN]) run(`ip netns add ${name}`);
  [FIRST, SECOND].forEach((name, i) => {
    const [inner, outer] = [`tsr-${i}`, ENDS[i]!];
    run(`ip link add ${inner} netns ${name} mtu 9000 type veth peer name ${outer} netns ${BETWEEN}`);
    run(`ip -n ${name} address add ${ADDRESSES[i]}/24 dev ${inner}`);
    for (const [where, what] of [[name, "lo"], [name, inner], [BETWEEN, outer]]) {
      run(`ip -n ${where} link set ${what} up`);
    }
    run(`ip -n ${BETWEEN} link set ${outer} mtu 9000`);
  });
  run(`ip -n ${BETWEEN} link add tsr-bridge type bridge`);
  run(`ip -n ${BETWEEN} link set tsr-bridge up`);
}

/** Joins the machines in another way; connections stay. */
export function join({ rate, relayed }: Link): void {
  [FIRST, SECOND].forEach((name, i) => {
    run(`tc -n ${name} qdisc replace dev tsr-${i} root tbf rate ${rate} burst 256kb latency 100ms`);
    run(`ip -n ${BETWEEN} link set ${ENDS[i]} ${relayed ? "nomaster" : "master tsr-bridge"}`);
  });
}

/** Takes the namespaces away, with all that is in them. */
export function takeAway(): void {
  for (const name of [FIRST, SECOND, BETWEEN]) {
    new Deno.Command("ip", { args: ["netns", "delete", name], stdout: "null", stderr: "null" }).outputSync();
  }
}
