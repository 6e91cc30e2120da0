import type { Device, DeviceBuffer, DeviceCounters, Executable, ExecutableStats, Program } from "../device.ts";
import { DeviceError } from "../errors.ts";
import { bufferOf, leaf, leafSource, type Tensor } from "../tensor.ts";
import { type RecentLimits, recentMap } from "../recent_map.ts";
import type { TypedArray } from "../spec.ts";
import { evaluateOnce } from "./boundary.ts";
import type { FusionLimits } from "./fuse.ts";
import type { ScheduledProgram } from "./kernel.ts";
import { type Graph, graphKey, graphOf } from "./graph.ts";
import { lower, type Lowered } from "./lower.ts";
import type { Pressure } from "./pressure.ts";

/** A schedule made ready to run on a device. */
export interface Loaded {
  /** Costs, known now; the compiler counts the operations. */
  readonly stats: Omit<ExecutableStats, "flops">;
  /**
   * Runs the schedule.
   *
   * @param inputs One leaf per input of the schedule: host values, or a buffer of this device. Buffers of donated inputs that
   * `schedule.aliases` names are taken over: their old owner may not read them again.
   * @returns One buffer per output of the schedule.
   */
  run(inputs: readonly Tensor[]): readonly DeviceBuffer[];
  /** Makes ready what the first run would otherwise make while it runs. */
  ready?(): Promise<void>;
}

/** A program that is ready, and the operations of one run. */
export interface Made<L extends Loaded = Loaded> {
  readonly loaded: L;
  readonly flops: number;
}

/** A program that is asked for, and how it comes to be if it is not known. */
export interface Asked<L extends Loaded = Loaded> {
  readonly graph: Graph;
  /** Positions of the inputs that may be overwritten. */
  readonly donated: ReadonlySet<number>;
  /** Lowers it. */
  schedule(): ScheduledProgram;
  /** Lowers and loads it. */
  make(): Made<L>;
}

/** What a compiling device does itself; the compiler does the rest. */
export interface Backend<L extends Loaded = Loaded> {
  readonly name: string;
  readonly limits: FusionLimits;
  readonly maxBytes?: number;
  /** Makes text, assembles it and plans memory. */
  load(schedule: ScheduledProgram): L;
  /** Finds what an earlier process has kept of a program, or makes it and keeps it. Made each time if left out. */
  recall?(asked: Asked<L>): Made<L>;
  read(buffer: DeviceBuffer): Promise<TypedArray>;
  synchronize(): Promise<void>;
  flush?(): Promise<void>;
  counters?(): DeviceCounters;
  /** Account of the memory of its tensors. */
  readonly pressure: Pressure;
  close(): void;
}

/** Loaded schedules that a device keeps for programs that are computed without `jit`; the text of one may be megabytes. */
const KEPT: RecentLimits = { entries: 256, characters: 2 ** 25 };

/**
 * Makes a device of a backend: traces become schedules, schedules are loaded once.
 *
 * @param backend The parts that differ.
 * @returns The device.
 */
export function compilingDevice<L extends Loaded>(backend: Backend<L>): Device {
  const load = loader(backend);
  // Memory comes back while the device still works, where it does so beside the program.
  const settled = async <R>(work: Promise<R>): Promise<R> => (await Promise.all([work, backend.pressure.turn()]))[0];
  const device: Device = {
    name: backend.name,
    ...(backend.maxBytes === undefined ? {} : { maxBytes: backend.maxBytes }),
    compile(program): Executable {
      const { loaded, flops, captured } = load(program);
      return {
        stats: { ...loaded.stats, flops },
        ...(loaded.ready ? { ready: () => loaded.ready!() } : {}),
        run: (inputs) => {
          const leaves = [...inputs.map(withBuffer), ...captured];
          leaves.forEach((x) => refuseForeign(x, device));
          backend.pressure.ran();
          return loaded.run(leaves);
        },
      };
    },
    evaluate(tensors) {
      return evaluateOnce(tensors, (outputs) => device.compile({ inputs: [], outputs, donated: new Set() }).run([]));
    },
    read: (buffer) => settled(backend.read(buffer)),
    synchronize: () => settled(backend.synchronize()),
    ...(backend.flush ? { flush: () => backend.flush!() } : {}),
    ...(backend.counters ? { counters: () => backend.counters!() } : {}),
    close: () => backend.close(),
  };
  return device;
}

/** Lowers programs, each graph once, and loads each schedule once: graphs that differ may become the same. */
function loader<L extends Loaded>(backend: Backend<L>) {
  // Documented caches: loaded schedules by graph and by content, those used longest ago dropped first.
  const byGraph = recentMap<Made<L>>(KEPT);
  const bySchedule = recentMap<L>(KEPT);
  const make = ({ schedule, key }: Lowered): Made<L> => {
    refuseFloat64(backend.name, schedule);
    const loaded = bySchedule.get(key) ?? backend.load(schedule);
    bySchedule.set(key, loaded);
    return { loaded, flops: contractionFlops(schedule) };
  };
  const ask = (whole: Graph, donated: ReadonlySet<number>): Made<L> => {
    const graph = { ...whole, captured: [] }; // values are of one call
    const lowered = () => lower(graph, donated, backend.limits);
    const makeAnew = () => make(lowered());
    return backend.recall?.({ graph, donated, schedule: () => lowered().schedule, make: makeAnew }) ?? makeAnew();
  };
  return (program: Program) => {
    const graph = graphOf(program);
    const key = graphKey(graph, program.donated);
    const made = byGraph.get(key) ?? ask(graph, program.donated);
    byGraph.set(key, made);
    return { ...made, captured: graph.captured.map((x) => withBuffer(x)) };
  };
}

/** Operations of the kernels that primitives bring. */
function contractionFlops({ steps }: ScheduledProgram): number {
  return steps.reduce((sum, { kernel }) => sum + (kernel.kind === "template" ? kernel.flops : 0), 0);
}

/** A tensor that was computed before, as a leaf. */
function withBuffer(x: Tensor): Tensor {
  return leafSource(x) === undefined ? leaf(x, { buffer: bufferOf(x)! }) : x;
}

function refuseForeign(x: Tensor, device: Device): void {
  const buffer = bufferOf(x);
  if (!buffer || buffer.device === device) return;
  const { name } = buffer.device;
  throw new DeviceError(
    device.name,
    `Cannot compute on ${device.name} as its inputs must lie there or on the host: current device of an input [${x.shape}] is ` +
      `${name === device.name ? "another " : ""}${name}; move it with await toDevice(x, device)`,
  );
}

function refuseFloat64(name: string, { values, steps }: ScheduledProgram): void {
  steps.forEach(({ kernel }) => {
    if (kernel.kind === "template" && kernel.body.kind === "loop") refuseFloat64(name, kernel.body.schedule!);
  });
  const wide = values.find((value) => value.dtype === "float64");
  if (!wide) return;
  throw new DeviceError(
    name,
    `Cannot compute on ${name} as float64 exists on the reference device only: current dtype of a value [${wide.shape}] is ` +
      "float64; cast it to float32 or name the reference device",
  );
}
