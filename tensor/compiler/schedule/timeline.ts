/** Bytes that are in use from one step to another, both included. */
export interface Life {
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
  readonly offset: number;
}

/** Lives that have their place, by when they are. */
export interface Timeline {
  /** Adds a life, whose place is final. */
  add(life: Life): void;
  /** The lowest offset at which so many bytes are free from one step to another. */
  lowestFree(life: Pick<Life, "bytes" | "from" | "to">): number;
}

/** What it takes to find a life and sort it, in lives that are looked through in order. */
const FIND = 32;

/**
 * Makes an empty timeline. Where few lives are at one time, looking for a place takes as long as there are such, and steps to
 * look at; else a few nanoseconds for each life up to the place.
 *
 * @param steps How many steps there are.
 * @returns The timeline.
 */
export function timeline(steps: number): Timeline {
  const found = lifeByStep(steps);
  const all = new Columns();
  let fresh: Life[] = []; // not yet in `all`
  return {
    add(life) {
      found.add(life);
      fresh.push(life);
    },
    lowestFree(life) {
      const known = all.length + fresh.length;
      const toLook = life.to - life.from + FIND * found.count(life);
      if (toLook < known) return lowestAmong(found.during(life), life.bytes);
      fresh.forEach((one) => all.insert(one));
      fresh = [];
      return all.lowestFree(life);
    },
  };
}

/** The lowest offset that is free beside a few lives. */
function lowestAmong(lives: Life[], bytes: number): number {
  let lowest = 0;
  for (const { offset, bytes: taken } of lives.sort((a, b) => a.offset - b.offset)) {
    if (offset >= lowest + bytes) break;
    lowest = Math.max(lowest, offset + taken);
  }
  return lowest;
}

/** Lives in no order: those that begin at a step, and a tree of ranges of steps, each with the lives that cover it. */
function lifeByStep(steps: number) {
  const begun = Array.from({ length: steps }, (): Life[] => []);
  const covering = Array.from({ length: 2 * steps }, (): Life[] => []); // the range `i` is made of `2 i` and `2 i + 1`
  const [starts, ends] = [runningCounts(steps), runningCounts(steps)];
  return {
    add(life: Life): void {
      begun[life.from]!.push(life);
      starts.add(life.from);
      ends.add(life.to);
      for (let [a, b] = [life.from + steps, life.to + 1 + steps]; a < b; [a, b] = [a >> 1, b >> 1]) {
        if (a % 2 === 1) covering[a++]!.push(life);
        if (b % 2 === 1) covering[--b]!.push(life);
      }
    },
    /** How many have a step in common with a span. */
    count({ from, to }: Pick<Life, "from" | "to">): number {
      return starts.upTo(to) - ends.upTo(from - 1);
    },
    during({ from, to }: Pick<Life, "from" | "to">): Life[] {
      const lists = begun.slice(from + 1, to + 1);
      for (let at = from + steps; at > 0; at >>= 1) lists.push(covering[at]!);
      return lists.flat();
    },
  };
}

/** Counts by step, and their sums up to a step, by Fenwick's tree. */
function runningCounts(steps: number) {
  const sums = new Int32Array(steps + 1);
  return {
    add(step: number): void {
      for (let at = step + 1; at <= steps; at += at & -at) sums[at]!++;
    },
    upTo(step: number): number {
      let sum = 0;
      for (let at = step + 1; at > 0; at -= at & -at) sum += sums[at]!;
      return sum;
    },
  };
}

/** Lives in the order of their offsets, a column for each number. */
class Columns {
  length = 0;
  #from = new Int32Array(64);
  #to = new Int32Array(64);
  #offset = new Float64Array(64);
  #end = new Float64Array(64);

  insert({ from, to, offset, bytes }: Life): void {
    if (this.length === this.#from.length) this.#grow();
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#offset[middle]! > offset) high = middle;
      else low = middle + 1;
    }
    for (const column of [this.#from, this.#to, this.#offset, this.#end]) column.copyWithin(low + 1, low, this.length);
    this.#from[low] = from;
    this.#to[low] = to;
    this.#offset[low] = offset;
    this.#end[low] = offset + bytes;
    this.length++;
  }

  lowestFree({ bytes, from, to }: Pick<Life, "bytes" | "from" | "to">): number {
    const [froms, tos, offsets, ends] = [this.#from, this.#to, this.#offset, this.#end];
    let lowest = 0;
    for (let i = 0; i < this.length && offsets[i]! < lowest + bytes; i++) {
      if (ends[i]! > lowest && froms[i]! <= to && tos[i]! >= from) lowest = ends[i]!;
    }
    return lowest;
  }

  #grow(): void {
    const twice = <T extends Int32Array | Float64Array>(old: T, column: T): T => {
      column.set(old);
      return column;
    };
    const size = 2 * this.length;
    [this.#from, this.#to] = [twice(this.#from, new Int32Array(size)), twice(this.#to, new Int32Array(size))];
    [this.#offset, this.#end] = [
      twice(this.#offset, new Float64Array(size)),
      twice(this.#end, new Float64Array(size)),
    ];
  }
}
