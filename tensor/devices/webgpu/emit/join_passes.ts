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
  /** True if an invocation does little and waits for no other, so that a group may do the work of several, or a part of it. */
  readonly short: boolean;
}

/** What one pass may have. */
export interface JoinLimits {
  readonly maxStorageBuffers: number;
}

/**
 * Groups of a short pass, each of as many invocations as one of the joined pass, whose work one group does where passes are
 * joined. A processor that stands in for a GPU goes through the statements of all parts, those that a group has no share in
 * once with nothing to do: of sixteen times as much work that is not seen (of once as much it doubles the time). A GPU skips
 * them either way.
 */
const FOLD = 16;
/**
 * Groups of a short pass up to which it goes with passes of smaller groups, which are reductions: where invocations of a shader
 * wait for each other, a processor changes from one to the next at each such place, whatever part is its own.
 */
const MAX_SPLIT = 16;
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
  const open: BoundPass[][] = [];
  for (const next of passes) {
    const fitting = open.filter((parts) => parts.length < MAX_PARTS && canShare([...parts, next], limits));
    const alike = (parts: readonly BoundPass[]) => groupOf(parts) === next.pass.workgroupSize;
    const parts = fitting.find(alike) ?? fitting[0];
    if (parts) parts.push(next);
    else open.push([next]);
  }
  return open.map((parts) => parts.length === 1 ? parts[0]! : joined(parts));
}

/** Invocations of a group of a joined pass: as many as in the smallest groups of its parts. */
function groupOf(parts: readonly BoundPass[]): number {
  return Math.min(...parts.map(({ pass }) => pass.workgroupSize));
}

/** True if one pass can do the work of several. */
function canShare(parts: readonly BoundPass[], limits: JoinLimits): boolean {
  const group = groupOf(parts);
  const enabled = new Set(parts.flatMap(({ pass: { enable } }) => enable ?? []));
  return enabled.size <= 1 && canBind(parts, limits) &&
    parts.every(({ short, pass: { workgroups, workgroupSize } }) =>
      workgroupSize === group || (short && workgroups <= MAX_SPLIT && workgroupSize % group === 0)
    );
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
  const workgroupSize = groupOf(parts);
  const enable = parts.find(({ pass }) => pass.enable)?.pass.enable;
  const ranges = rangesOf(parts, workgroupSize);
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

/** Groups of a part: from one of the joined pass to before another. */
interface GroupRange {
  readonly begin: number;
  readonly end: number;
  /** How much each of them does of the work of the part, in groups of its own invocations. */
  readonly fold: number;
  /** Groups of the part, and how many of the joined pass have the invocations of one. */
  readonly own: number;
  readonly split: number;
  readonly workgroupSize: number;
}

function rangesOf(parts: readonly BoundPass[], workgroupSize: number): readonly GroupRange[] {
  let end = 0;
  return parts.map(({ pass, short }) => {
    const [own, split] = [pass.workgroups, pass.workgroupSize / workgroupSize];
    const fold = short ? FOLD : 1;
    const begin = end;
    end += Math.ceil(own * split / fold);
    return { begin, end, fold, own, split, workgroupSize };
  });
}

/** What a group does that belongs to a part. */
function callOf({ begin, end, fold, own, split, workgroupSize }: GroupRange, part: number): string {
  const call = (at: string, local: string) => `part${part}(vec3u(${at}, 0u, 0u), vec3u(${own}u, 1u, 1u), ${local});`;
  const first = `(square - ${begin}u)`;
  const one = split === 1 ? call("at", "local") : call(`at / ${split}u`, `at % ${split}u * ${workgroupSize}u + local`);
  const work = fold === 1
    ? call(first, "local")
    : `for (var turn = 0u; turn < ${fold}u; turn++) { let at = ${first} * ${fold}u + turn; ${one} }`;
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
