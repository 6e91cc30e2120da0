/** @file Programs as data: inputs with their values, then operations that read what stands before them. */
import { DTYPES, type Shape, type Tensor, tensor } from "../../tensor/mod.ts";
import { OPERATIONS, type Settings } from "./operations.ts";

/** A value that the program is given. */
export interface Input {
  readonly shape: Shape;
  readonly dtype: "float32" | "int32" | "uint32" | "bool";
  /** Row-major. */
  readonly values: readonly number[];
}

/** One operation. */
export interface Line {
  /** A name in `OPERATIONS`. */
  readonly name: string;
  /** Numbers of the values read: inputs first, then lines. */
  readonly reads: readonly number[];
  readonly settings: Settings;
}

/** Inputs, lines, and the numbers of the values that are compared. */
export interface RandomProgram {
  readonly inputs: readonly Input[];
  readonly lines: readonly Line[];
  readonly outputs: readonly number[];
}

/**
 * Makes the inputs of a program.
 *
 * @param program The program.
 * @param floating Dtype of its floating inputs.
 * @returns One tensor for each.
 */
export function inputsOf({ inputs }: RandomProgram, floating: "float32" | "float64" = "float32"): readonly Tensor[] {
  return inputs.map(({ shape, dtype, values }) =>
    tensor(Float64Array.from(values), { shape, dtype: dtype === "float32" ? floating : dtype })
  );
}

/**
 * Runs a program.
 *
 * @param program The program.
 * @param inputs A tensor for each of its inputs.
 * @returns The values of all numbers: the inputs, then the lines.
 */
export function valuesOf({ lines }: RandomProgram, inputs: readonly Tensor[]): readonly Tensor[] {
  const values = [...inputs];
  for (const { name, reads, settings } of lines) {
    values.push(OPERATIONS[name]!.apply(reads.map((i) => values[i]!), settings));
  }
  return values;
}

/** Numbers of the inputs that have gradients. */
export function floatingInputs({ inputs }: RandomProgram): readonly number[] {
  return [...inputs.keys()].filter((i) => DTYPES[inputs[i]!.dtype].floating);
}

/** A program as a person reads it. */
export function textOf({ inputs, lines, outputs }: RandomProgram): string {
  const name = (i: number) => i < inputs.length ? `x${i}` : `v${i}`;
  const given = inputs.map(({ shape, dtype, values }, i) =>
    `x${i} = ${dtype} [${shape}] of ${values.slice(0, 12).join(", ")}${values.length > 12 ? ", …" : ""}`
  );
  const made = lines.map(({ name: operation, reads, settings }, i) => {
    const chosen = Object.keys(settings).length > 0 ? `, ${JSON.stringify(settings)}` : "";
    return `v${inputs.length + i} = ${operation}(${reads.map(name).join(", ")}${chosen})`;
  });
  return [...given, ...made, `returns ${outputs.map(name).join(", ")}`].join("\n");
}
