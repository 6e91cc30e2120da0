/**
 * A value of a file as text for errors: short, whatever it is. Lists and records of a damaged file may be too deep to be written.
 *
 * @param value The value.
 * @returns One line of at most 60 characters.
 */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a record";
  const text = JSON.stringify(value) ?? "absent";
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
