/** Something that lasts from one step to another, both included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Spans by when they are. */
export interface Timeline<S extends Span> {
  /** Adds a span, whose rank is final. */
  add(span: S): void;
  /** Those that have a step in common with a span, by rank. */
  during(span: Span): readonly S[];
}

/** Where more than one in so many is found, all are kept in order instead of sorting what is found. */
const MANY = 16;

/**
 * Makes an empty timeline. Finding spans takes as long as there are ones to be found, and steps to look at, however many
 * there are at other times.
 *
 * @param steps How many steps there are.
 * @param rankOf The order in which spans are told.
 * @returns The timeline.
 */
export function timeline<S extends Span>(steps: number, rankOf: (span: S) => number): Timeline<S> {
  const found = spansByStep<S>(steps);
  const all: S[] = [];
  let fresh: S[] = []; // not yet in `all`
  return {
    add(span) {
      found.add(span);
      fresh.push(span);
    },
    during(span) {
      const spans = found.during(span);
      if (spans.length * MANY < all.length + fresh.length) return spans.sort((a, b) => rankOf(a) - rankOf(b));
      insertAll(all, fresh, rankOf);
      fresh = [];
      return all.filter(({ from, to }) => from <= span.to && to >= span.from);
    },
  };
}

/** Spans in no order: those that begin at a step, and a tree of ranges of steps, each with the spans that cover it. */
function spansByStep<S extends Span>(steps: number) {
  const begun = Array.from({ length: steps }, (): S[] => []);
  const covering = Array.from({ length: 2 * steps }, (): S[] => []); // the range `i` is made of `2 i` and `2 i + 1`
  return {
    add(span: S): void {
      begun[span.from]!.push(span);
      for (let [a, b] = [span.from + steps, span.to + 1 + steps]; a < b; [a, b] = [a >> 1, b >> 1]) {
        if (a % 2 === 1) covering[a++]!.push(span);
        if (b % 2 === 1) covering[--b]!.push(span);
      }
    },
    during({ from, to }: Span): S[] {
      const lists = begun.slice(from + 1, to + 1);
      for (let at = from + steps; at > 0; at >>= 1) lists.push(covering[at]!);
      return lists.flat();
    },
  };
}

/** Adds spans to a list in order. */
function insertAll<S>(all: S[], fresh: readonly S[], rankOf: (span: S) => number): void {
  if (fresh.length > MANY) {
    for (const span of fresh) all.push(span);
    all.sort((a, b) => rankOf(a) - rankOf(b));
    return;
  }
  for (const span of fresh) all.splice(placeOf(rankOf(span), all, rankOf), 0, span);
}

/** How many of a list in order have no greater rank. */
function placeOf<S>(rank: number, all: readonly S[], rankOf: (span: S) => number): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rankOf(all[middle]!) > rank) high = middle;
    else low = middle + 1;
  }
  return low;
}
