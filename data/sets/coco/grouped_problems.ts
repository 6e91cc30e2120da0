import type { LeftOut } from "../account.ts";
import type { Problem } from "./coco_set.ts";

/** Names that a group keeps. */
const NAMED = 5;

/** What a reason asks for, and what is there instead. */
function partsOf(reason: string): readonly [requirement: string, current: string] {
  const at = reason.indexOf(": ");
  return at < 0 ? [reason, ""] : [reason.slice(0, at), reason.slice(at)];
}

/**
 * Joins what is wrong with records of annotations for one reason, whatever each has instead of what it must have.
 *
 * @param problems Each with its reason, as `it must be in the file: it is 9`.
 * @returns One entry for each kind and requirement, the most frequent first; names tell what each record has, where they differ.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { groupedProblems } from "@tessera/tessera/data";
 *
 * const of = (id: number) => ({ kind: "annotation", what: `annotation ${id}`, reason: `its image must be in the file: it is ${id}0` });
 * deepStrictEqual(groupedProblems([of(1), of(2)]), [{
 *   kind: "annotation", reason: "its image must be in the file", count: 2, names: ["annotation 1: it is 10", "annotation 2: it is 20"],
 * }]);
 * ```
 */
export function groupedProblems(problems: readonly Problem[]): readonly LeftOut[] {
  const groups = Map.groupBy(problems, ({ kind, reason }) => `${kind}\n${partsOf(reason)[0]}`);
  return [...groups.values()].map((group): LeftOut => {
    const { kind, reason } = group[0]!;
    const isOne = group.every((each) => each.reason === reason);
    const named = group.slice(0, NAMED).map(({ what, reason }) => isOne ? what : `${what}${partsOf(reason)[1]}`);
    return { kind, reason: isOne ? reason : partsOf(reason)[0], count: group.length, names: named };
  }).sort((a, b) => b.count - a.count);
}

/** The same problems with reasons that go on in a sentence: `as its image must be in the file`. */
export function asReasons(problems: readonly Problem[]): readonly Problem[] {
  return problems.map((problem) => ({ ...problem, reason: `as ${problem.reason}` }));
}
