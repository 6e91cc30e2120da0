/**
 * Says which of some names was probably meant.
 *
 * @param name What was written.
 * @param names What could be.
 * @param most Letters in which both may differ.
 * @returns `, did you mean NAME`, or nothing if none is near.
 */
export function nearestOf(name: string, names: readonly string[], most = 3): string {
  const nearest = names.map((each) => ({ each, distance: editDistance(each, name) }))
    .reduce((best, next) => next.distance < best.distance ? next : best, { each: "", distance: Infinity });
  return nearest.distance <= most ? `, did you mean ${nearest.each}` : "";
}

/** Levenshtein distance, one row of its table at a time. */
function editDistance(a: string, b: string): number {
  const first = Array.from({ length: b.length + 1 }, (_, j) => j);
  return [...a].reduce((above, letter, i) => {
    const row = [i + 1];
    for (let j = 0; j < b.length; j++) {
      row.push(Math.min(above[j + 1]! + 1, row[j]! + 1, above[j]! + (letter === b[j] ? 0 : 1)));
    }
    return row;
  }, first).at(-1)!;
}
