/**
 * @file Which tiles are fastest in this engine on this processor. Nothing tells, so that it is tried: the same products with
 * tiles of each kind. A wide one is half as fast as others where the engine does not join neighbouring vectors of 128 bits, as
 * its sums do not fit into registers, and twice as fast where it does, as V8 with `--experimental-wasm-revectorize` where it
 * need not check each address. Which of the narrow ones is faster depends on what such a check costs beside a multiplication.
 */
import type { TileKind } from "../../../contraction/tile.ts";

/** A number as LEB128, unsigned. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...leb(Math.floor(value / 128))];
}

/** Likewise signed, of a number that is not negative. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [value % 128 + 128, ...signed(Math.floor(value / 128))];
}

const counted = (bytes: readonly number[]): number[] => [...leb(bytes.length), ...bytes];
const listed = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, items: readonly (readonly number[])[]): number[] => [id, ...counted(listed(items))];

const [I32, V128] = [0x7f, 0x7b];
const get = (local: number): number[] => [0x20, ...leb(local)];
const set = (local: number): number[] => [0x21, ...leb(local)];
const constant = (value: number): number[] => [0x41, ...signed(value)];
const simd = (code: number, ...rest: number[]): number[] => [0xfd, ...leb(code), ...rest];
const load = (offset: number): number[] => simd(0x00, 4, ...leb(offset));
const splat = (offset: number): number[] => simd(0x09, 2, ...leb(offset));
const store = (offset: number): number[] => simd(0x0b, 4, ...leb(offset));
const madd = simd(0x105);
const spread = (lane: number): number[] => simd(0x0d, ...range(16).map((byte) => 4 * lane + byte % 4));
const mulAdd = (advance: number, local: number): number[] => [...get(local), ...constant(advance), 0x6a, ...set(local)];

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** Steps of the contraction in one call, and those that are written out. */
const [STEPS, UNROLL] = [256, 4];

/** What is tried. */
interface TrialTile {
  readonly kind: TileKind;
  readonly rows: number;
  readonly vectors: number;
  /** True if values are spread over lanes. */
  readonly spread: boolean;
}

const TILES: readonly TrialTile[] = [
  { kind: "4x8", rows: 4, vectors: 2, spread: true },
  { kind: "6x8", rows: 6, vectors: 2, spread: false },
  { kind: "6x16", rows: 6, vectors: 4, spread: false },
];

/** A module whose `run(a, b, to, steps)` multiplies and adds with `rows` values a step and a panel of `vectors`, in its own memory. */
function trialModule({ rows, vectors, spread: spreads }: TrialTile): WebAssembly.Module {
  const [a, b, to, steps] = [0, 1, 2, 3];
  const sum = (row: number, vector: number) => 4 + row * vectors + vector;
  const panel = (vector: number) => 4 + rows * vectors + vector;
  const value = panel(vectors);
  const four = (row: number) => value + 1 + row;
  const each = (of: (row: number) => number[]) => range(rows).flatMap(of);
  const read = (row: number, step: number) =>
    spreads ? [...get(four(row)), ...get(four(row)), ...spread(step)] : [...get(a), ...splat(16 * row + 4 * step)];
  const oneStep = (step: number) => [
    ...range(vectors).flatMap((vector) => [...get(b), ...load(16 * (step * vectors + vector)), ...set(panel(vector))]),
    ...each((row) => [
      ...[...read(row, step), ...set(value)],
      ...range(vectors).flatMap((vector) => [
        ...[...get(value), ...get(panel(vector)), ...get(sum(row, vector)), ...madd, ...set(sum(row, vector))],
      ]),
    ]),
  ];
  const steady = [
    ...each((row) => spreads ? [...get(a), ...load(16 * row), ...set(four(row))] : []),
    ...range(UNROLL).flatMap(oneStep),
    ...mulAdd(16 * rows, a),
    ...mulAdd(16 * UNROLL * vectors, b),
    ...[...get(steps), ...constant(UNROLL), 0x6b, 0x22, steps, 0x0d, 0],
  ];
  const stores = each((row) =>
    range(vectors).flatMap((vector) => [...get(to), ...get(sum(row, vector)), ...store(16 * (row * vectors + vector))])
  );
  const vectorLocals = rows * vectors + vectors + 1 + (spreads ? rows : 0);
  const body = [...listed([[...leb(vectorLocals), V128]]), 0x03, 0x40, ...steady, 0x0b, ...stores, 0x0b];
  return new WebAssembly.Module(Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [[0x60, ...listed([[I32], [I32], [I32], [I32]]), 0]]),
    ...section(3, [[0]]),
    ...section(5, [[0, 1]]),
    ...section(7, [[...counted([0x72, 0x75, 0x6e]), 0, 0]]), // "run"
    ...section(10, [counted(body)]),
  ]));
}

/** What one call takes, in milliseconds for each million of multiplications. */
function timeOf({ run, products }: Pick<Trial, "run" | "products">, calls: number): number {
  const from = performance.now();
  for (let i = 0; i < calls; i++) run(0, 16384, 49152, STEPS);
  return (performance.now() - from) / (calls * STEPS * products / 1e6);
}

/** Milliseconds to wait for the engine to compile all tiles well, and to go on then. */
const LONGEST = { compiled: 150, measured: 4 } as const;
/** How much faster a tile is then at the least: it was compiled in haste at first. The wide one gains less where its sums do not fit. */
const BETTER = { narrow: 2.5, wide: 1.8 } as const;
/** How much faster another tile must be: a wide one is twice as fast where vectors are joined, else half. */
const GAIN = { narrow: 1.04, wide: 1.25 } as const;

/** The answer. Documented cache: it is the same for the whole process. */
const known: { answer?: TileKind } = {};

/**
 * Tells which tiles are fastest. Takes some 20 milliseconds at the first call.
 *
 * @param options `eager`: true where the engine compiles everything well at once.
 * @returns Their kind; the first where the engine has not compiled them well in time.
 */
export function fastestTiles({ eager = false }: { readonly eager?: boolean } = {}): TileKind {
  return known.answer ??= tryTiles(eager);
}

/** A tile, what its products took at first, and at best since. */
interface Trial {
  readonly run: (...parameters: number[]) => void;
  readonly products: number;
  readonly first: number;
  best: number;
}

/** Calls that are timed together, few enough at first that nothing is compiled well after them. */
const CALLS = { first: 4, later: 32 } as const;
/** Turns of each tile at the start: the best of some is free of what else runs. */
const TURNS = 4;

function startTrial(tile: TrialTile): Trial {
  const { exports } = new WebAssembly.Instance(trialModule(tile));
  const trial = { run: exports.run as Trial["run"], products: tile.rows * tile.vectors * 4 };
  const first = Math.min(...range(TURNS).map(() => timeOf(trial, CALLS.first)));
  return { ...trial, first, best: first };
}

function tryTiles(eager: boolean): TileKind {
  const trials = TILES.map(startTrial);
  const [small, large, wide] = trials as [Trial, Trial, Trial];
  const takeTurns = (milliseconds: number, areEnough: () => boolean) => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end && !areEnough()) {
      trials.forEach((trial) => trial.best = Math.min(trial.best, timeOf(trial, CALLS.later)));
    }
  };
  const isBetter = ({ best, first }: Trial, factor: number) => eager || factor * best < first;
  const areWell = () => [small, large].every((trial) => isBetter(trial, BETTER.narrow));
  takeTurns(LONGEST.compiled, () => areWell() && isBetter(wide, BETTER.wide));
  takeTurns(LONGEST.measured, () => !areWell());
  if (!areWell()) return "4x8";
  if (Math.min(small.best, large.best) > GAIN.wide * wide.best) return "6x16";
  return small.best > GAIN.narrow * large.best ? "6x8" : "4x8";
}
