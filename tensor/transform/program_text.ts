/** @file Programs as text. */
import { programOf, readInputs } from "../compiler/boundary.ts";
import { leafSource, type Tensor } from "../tensor.ts";

/** a, b, … z, ba, bb, … */
function nameOf(i: number): string {
  return (i >= 26 ? nameOf(Math.floor(i / 26)) : "") + String.fromCharCode(97 + i % 26);
}

const specText = ({ dtype, shape }: Tensor): string => `${dtype}[${shape}]`;

/** Settings as they are read: programs in them stand in lines of their own, once. */
function settingText(value: unknown, shown: Set<object>): string {
  if (typeof value === "function") return "ƒ";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => settingText(item, shown)).join(", ")}]`;
  if (value.toString !== Object.prototype.toString) {
    if (shown.has(value)) return "as above";
    shown.add(value);
    return `\n${String(value).replaceAll(/^/gm, "      ")}\n    `;
  }
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${settingText(item, shown)}`);
  return `{ ${entries.join(", ")} }`;
}

function settingsText(params: object, shown: Set<object>): string {
  const entries = Object.entries(params).map(([key, value]) => `${key}=${settingText(value, shown)}`);
  return entries.length === 0 ? "" : `[${entries.join(" ")}]`;
}

/**
 * Writes a program as text.
 *
 * @param inputs Placeholders, in call order.
 * @param outputs Results.
 * @returns One line for each operation that is computed, in the order in which they were made.
 */
export function programText(inputs: readonly Tensor[], outputs: readonly Tensor[]): string {
  const nodes = programOf(outputs, new Set(inputs)).filter((x) => !inputs.includes(x)).sort((a, b) =>
    a.sequence - b.sequence
  );
  const isConstant = (x: Tensor) => leafSource(x) !== undefined;
  const [constants, steps] = [nodes.filter(isConstant), nodes.filter((x) => !isConstant(x))];
  const names = new Map([...constants, ...inputs, ...steps].map((x, i) => [x, nameOf(i)]));
  const declared = (x: Tensor) => `${names.get(x)}:${specText(x)}`;
  const shown = new Set<object>();
  const lines = steps.map((x) => {
    const operands = readInputs(x).map((input) => ` ${names.get(input)}`).join("");
    return `    ${declared(x)} = ${x.primitive.name}${settingsText(x.params, shown)}${operands}`;
  });
  const head = `{ lambda ${constants.map((x) => `${declared(x)} `).join("")}; ${inputs.map(declared).join(" ")} .`;
  const results = outputs.map((x) => names.get(x)).join(", ");
  return lines.length === 0 ? `${head} in (${results}) }` : `${head} let\n${lines.join("\n")}\n  in (${results}) }`;
}
