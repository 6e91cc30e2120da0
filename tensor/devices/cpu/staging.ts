/** @file Programs whose operands may lie where kernels do not reach. */
import { exchangeOf, type ScheduledProgram, type Step, type Value } from "../../compiler/kernel.ts";
import { stageKernel } from "./kernels/stage.ts";

/** A program that computes on temporaries alone, but for what it copies. */
export interface Staged {
  readonly schedule: ScheduledProgram;
  /** The input or result that a temporary is a copy of: where kernels reach that, it lies in its place, and nothing is copied. */
  readonly standsFor: ReadonlyMap<number, number>;
}

/**
 * Lets a program copy each input that a step reads to a temporary before it, and each result that it writes from one after it.
 * Such a temporary lives as long as the step. Exchanges are made by the host, which reaches everything.
 *
 * @param schedule The program.
 * @returns One of the same inputs and results, which has the numbers of its values.
 */
export function stage(schedule: ScheduledProgram): Staged {
  const values: Value[] = [...schedule.values];
  const standsFor = new Map<number, number>();
  const standIns = (numbers: readonly number[]): ReadonlyMap<number, number> => {
    const lasting = [...new Set(numbers)].filter((value) => values[value]!.role !== "temporary");
    return new Map(lasting.map((value) => {
      const number = values.push({ ...values[value]!, role: "temporary" }) - 1;
      standsFor.set(number, value);
      return [value, number];
    }));
  };
  const copy = (from: number, to: number): Step => ({
    kernel: stageKernel(values[from]!),
    inputs: [from],
    outputs: [to],
  });
  const steps = schedule.steps.flatMap((step) => {
    if (exchangeOf(step.kernel)) return [step];
    const [read, written] = [standIns(step.inputs), standIns(step.outputs)];
    return [
      ...[...read].map(([value, standIn]) => copy(value, standIn)),
      {
        kernel: step.kernel,
        inputs: step.inputs.map((value) => read.get(value) ?? value),
        outputs: step.outputs.map((value) => written.get(value) ?? value),
      },
      ...[...written].map(([value, standIn]) => copy(standIn, value)),
    ];
  });
  return { schedule: { ...schedule, values, steps }, standsFor };
}
