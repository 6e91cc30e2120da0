/** @file What a file of weights says besides its tensors, as plain data to be printed. */
import { FileTensor, PickleGlobal, PickleObject, PickleTuple, type StateDictFile } from "../../../data/mod.ts";

/** Values in a description; more are not worth reading, and a file may say the same thing over and over. */
const MAX_VALUES = 2000;

/**
 * Everything that a file says besides its weights, as plain data to be printed.
 *
 * @param file Of `readStateDict`.
 * @returns Records and lists, tensors named by type and shape; cut off after 2000 values.
 */
export function describedValues({ values, extra }: StateDictFile): Readonly<Record<string, unknown>> {
  const left = { count: MAX_VALUES };
  const plain = (value: unknown): unknown => {
    if (left.count-- <= 0) return "…";
    if (value instanceof FileTensor) return `${value.dtype} [${value.shape.join(", ")}]`;
    if (value instanceof PickleTuple) return value.items.map(plain);
    if (Array.isArray(value)) return value.length > 16 ? `list of ${value.length}` : value.map(plain);
    if (value instanceof Map) {
      return value.size > 32
        ? `dictionary of ${value.size}`
        : record([...value].map(([key, item]) => [String(key), item]));
    }
    if (value instanceof PickleGlobal) return value.name;
    if (value instanceof PickleObject) return `${value.name} object`;
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    return typeof value === "bigint" ? String(value) : typeof value === "object" && value !== null ? "object" : value;
  };
  const record = (items: readonly (readonly [string, unknown])[]) =>
    Object.fromEntries(items.map(([key, item]) => [key, plain(item)]));
  const texts = [...extra].map(([key, value]) => [key, parsed(value)] as const);
  return {
    ...record([...values]),
    ...Object.fromEntries(texts.map(([key, value]) => [key, value ?? plain(extra.get(key))])),
  };
}

/** JSON in the metadata of safetensors. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !/^[[{]/.test(value)) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
