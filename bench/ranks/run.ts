/**
 * @file `deno task ranks:speed`: what two ranks of Open MPI lose to the line between them. Namespaces of this machine stand for
 * two machines, on lines of 10 and 1 Gbit/s, and of 1 Gbit/s with 5 ms; each rank has one core.
 *
 *     deno task ranks:speed --model resnet50 --input-size 224 --batch-size 4
 *
 * Steps that each rank takes by itself, side by side with the other, alternate with steps that they take together, with and
 * without sums that overlap with the backward pass, with and without `--sync-bn`.
 */
import { fileURLToPath } from "node:url";
import { command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { flagOf } from "../../spark/commands/cli/option.ts";
import { print } from "../../spark/commands/cli/print.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { INTERRUPTED } from "../../spark/train/interrupt.ts";
import { STEP_OPTIONS } from "../step_options.ts";
import { type Joined, LINK, type Network, withNetwork } from "./network.ts";
import { tableOf } from "./table.ts";
import { RANK_OPTIONS, type SideResult } from "./ways.ts";

const NETWORKS: readonly Network[] = [
  { name: "10gbit", rate: 1e10, delay: 0 },
  { name: "1gbit", rate: 1e9, delay: 0 },
  { name: "1gbit-5ms", rate: 1e9, delay: 5 },
];

const OPTIONS = {
  ...STEP_OPTIONS,
  ...RANK_OPTIONS,
  network: {
    kind: "name",
    names: [...NETWORKS.map(({ name }) => name), "all"],
    help: "one of {names}",
    default: "all",
  },
  seconds: { kind: "whole", least: 1, help: "seconds that each line may take", default: 600 },
} as const;

const LINE = {
  task: "ranks:speed",
  purpose: `Times steps of pre-training by two ranks of Open MPI in two network namespaces, on one core each, beside the
same steps that they take alone, side by side. Linux, as root, with openmpi-bin and iproute2.`,
  options: OPTIONS,
} as const;

/** Open MPI between the namespaces: its launcher listens on the line, and shared memory is no way around it. */
const MPI = {
  args:
    `--allow-run-as-root --oversubscribe --bind-to none --mca pml ob1 --mca btl tcp,self --mca btl_tcp_if_include ${LINK}`,
  env: { PMIX_MCA_ptl_base_if_include: LINK, PMIX_MCA_ptl_base_remote_connections: "1", NO_COLOR: "1" },
} as const;

/** Takes the steps on a line. */
async function measure(joined: Joined, sideArgs: readonly string[], signal: AbortSignal): Promise<SideResult[]> {
  const side = fileURLToPath(new URL("side.ts", import.meta.url));
  const rank = (
    of: 0 | 1,
  ) => ["-n", "1", ...joined.within(of, [Deno.execPath(), "run", "-A", "--no-check", side, ...sideArgs])];
  const [program, ...args] = joined.within(0, ["mpirun", ...MPI.args.split(" "), ...rank(0), ":", ...rank(1)]);
  signal.throwIfAborted();
  signal.addEventListener("abort", () => joined.end());
  const child = new Deno.Command(program!, { args, env: MPI.env, stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await child.output();
  signal.throwIfAborted();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim()) as [string, string];
  if (code !== 0) throw new Error(`Cannot time ranks as both must end well: current error is ${errors || out}`);
  return out.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
}

await runCommand(command(LINE, async (given) => {
  const { network: chosen, seconds, ...rest } = withDefaults(OPTIONS, given);
  const sideArgs = Object.entries(rest).flatMap(([name, value]) => [flagOf(name), `${value}`]);
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => interrupt.abort(new Error("Cannot go on as it was interrupted")));
  }
  for (const network of NETWORKS.filter(({ name }) => chosen === "all" || chosen === name)) {
    const signal = AbortSignal.any([interrupt.signal, AbortSignal.timeout(1000 * seconds)]);
    try {
      const results = await withNetwork(network, (joined) => measure(joined, sideArgs, signal));
      print(tableOf(network, results));
    } catch (error) {
      if (interrupt.signal.aborted) return INTERRUPTED;
      if (!signal.aborted) throw error;
      throw new Error(`Cannot time ranks as ${network.name} must be done in time: current --seconds is ${seconds}`);
    }
  }
  return 0;
}));
