import { flagOf } from "../cli/option.ts";

/**
 * Checks that options do not contradict those of a checkpoint.
 *
 * @param saved All options that decide the bits.
 * @param given Some of them, and others that do not matter.
 * @param adviceOf What else can be done about an option, as the beginning of an advice.
 * @returns Those of the checkpoint.
 * @throws {RangeError} If one has another value.
 */
export function agreeing<T extends object>(
  saved: T,
  given: Readonly<Record<string, unknown>>,
  adviceOf: (name: string) => string = () => "",
): T {
  for (const [name, value] of Object.entries(saved)) {
    const other = given[name];
    if (other === undefined || JSON.stringify(other) === JSON.stringify(value)) continue;
    throw new RangeError(
      `Cannot resume as ${flagOf(name)} must be ${shown(value)}, as in the checkpoint: current value is ` +
        `${shown(other)}; ${adviceOf(name)}leave the option out, or start a new run`,
    );
  }
  return saved;
}

/** The value of an option as it would be written. */
export function shown(value: unknown): string {
  return Array.isArray(value) ? value.join("x") : value === null ? "absent" : String(value);
}
