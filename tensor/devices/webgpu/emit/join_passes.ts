/** @file Passes that depend on none of each other as one pass, each with groups of its own. */
import type { WgslBuffer, WgslMemory, WgslPass, WgslText } from "../../../compiler/kernel_text.ts";
import { groupPass } from "./shader.ts";

/** A pass of a step, and what it is bound to. */
export interface BoundPass {
  readonly pass: WgslPass;
  /** Numbers of what lies at each position of its buffers. */
  readonly slots: readonly number[];
  /** True if it writes where it reads. */
  readonly inPlace: boolean;
  /** True if an invocation does little, so that a group may do the work of several. */
  readonly short: boolean;
}

/** What one pass may have. */
export interface JoinLimits {
  readonly maxStorageBuffers: number;
}

/**
 * Groups of a short pass whose work one group does where passes are joined. A processor that stands in for a GPU goes
 * through the statements of all parts, those that a group has no share in once with nothing to do: of sixteen times as much
 * work that is not seen (of once as much it doubles the time). A GPU skips them either way.
 */
const FOLD = 16;
/** Passes of one, so that what is gone through for nothing stays little. */
const MAX_PARTS = 16;

/**
 * Joins passes as far as a device binds their buffers.
 *
 * @param passes Passes that depend on none of each other.
 * @param limits Of the device.
 * @returns Fewer passes of the same results.
 */
export function joinPasses(passes: readonly BoundPass[], limits: JoinLimits): readonly BoundPass[] {
  const alike = Map.groupBy(passes, ({ pass: { workgroupSize, enable = "" } }) => `${workgroupSize} ${enable}`);
  return [...alike.values()].flatMap((some) => {
    const open: BoundPass[][] = [];
    for (const next of some) {
      const fits = open.find((parts) => parts.length < MAX_PARTS && canBind([...parts, next], limits));
      if (fits) fits.push(next);
      else open.push([next]);
    }
    return open.map((parts) => parts.length === 1 ? parts[0]! : joined(parts));
  });
}

/** What passes bind, by number: once each, by the name that the first one has for it. */
function bindingsOf(parts: readonly BoundPass[]): ReadonlyMap<number, WgslBuffer> {
  const bound = new Map<number, WgslBuffer>();
  parts.forEach(({ pass, slots }, part) => {
    for (const { name, type, buffer } of pass.buffers) {
      const slot = slots[buffer]!;
      if (!bound.has(slot)) bound.set(slot, { name: `p${part}_${name}`, type, buffer: bound.size });
    }
  });
  return bound;
}

/** True if passes bind no more than a device does, and each buffer as one type. */
function canBind(parts: readonly BoundPass[], { maxStorageBuffers }: JoinLimits): boolean {
  const bound = bindingsOf(parts);
  return bound.size <= maxStorageBuffers &&
    parts.every(({ pass, slots }) =>
      pass.buffers.every(({ type, buffer }) => bound.get(slots[buffer]!)!.type === type)
    );
}

function joined(parts: readonly BoundPass[]): BoundPass {
  const bound = bindingsOf(parts);
  const { workgroupSize, enable } = parts[0]!.pass;
  const ranges = rangesOf(parts);
  const write = (memory: WgslMemory): WgslText => {
    const texts = parts.map(({ pass, slots }) => {
      const names = new Map(pass.buffers.map(({ name, buffer }) => [name, bound.get(slots[buffer]!)!.name]));
      return pass.write(renamed(memory, names));
    });
    return {
      functions: [
        ...texts.flatMap(({ functions = [] }) => functions),
        ...texts.map(({ body }, part) => `fn part${part}(group: vec3u, groups: vec3u, local: u32) {\n${body}\n}`),
      ],
      body: ranges.map(callOf).join(" else "),
    };
  };
  const pass = groupPass([...bound.values()], {
    workgroups: ranges.at(-1)!.end,
    workgroupSize,
    ...enable && { enable },
    write,
  });
  return { pass, slots: [...bound.keys()], inPlace: parts.some(({ inPlace }) => inPlace), short: false };
}

/** Groups of a part: from one of the joined pass to before another, each for so many of its own. */
interface GroupRange {
  readonly begin: number;
  readonly end: number;
  readonly fold: number;
  readonly own: number;
}

function rangesOf(parts: readonly BoundPass[]): readonly GroupRange[] {
  let end = 0;
  return parts.map(({ pass: { workgroups }, short }) => {
    const fold = short ? FOLD : 1;
    const begin = end;
    end += Math.ceil(workgroups / fold);
    return { begin, end, fold, own: workgroups };
  });
}

/** What a group does that belongs to a part. */
function callOf({ begin, end, fold, own }: GroupRange, part: number): string {
  const call = (at: string) => `part${part}(vec3u(${at}, 0u, 0u), vec3u(${own}u, 1u, 1u), local);`;
  const first = `(square - ${begin}u)`;
  const work = fold === 1
    ? call(first)
    : `for (var turn = 0u; turn < ${fold}u; turn++) { ${call(`${first} * ${fold}u + turn`)} }`;
  return `if (square < ${end}u) { ${work} }`;
}

/** The memory as a part names it. */
function renamed(memory: WgslMemory, names: ReadonlyMap<string, string>): WgslMemory {
  return {
    load: (name, index) => memory.load(names.get(name)!, index),
    store: (name, index, value) => memory.store(names.get(name)!, index, value),
    place: (name, index) => memory.place(names.get(name)!, index),
  };
}
