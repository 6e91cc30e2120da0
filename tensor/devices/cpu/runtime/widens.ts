/**
 * @file Whether the engine joins neighbouring vectors of 128 bits to one of 256, as V8 does with
 * `--experimental-wasm-revectorize` where it need not check each address. Nothing tells, so that it is tried: the same
 * products with a tile of either kind. A wide tile is half as fast as a narrow one where vectors are not joined, as its sums
 * do not fit into registers, and twice as fast where they are.
 */

/** A number as LEB128, unsigned. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...leb(Math.floor(value / 128))];
}

const counted = (bytes: readonly number[]): number[] => [...leb(bytes.length), ...bytes];
const listed = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, items: readonly (readonly number[])[]): number[] => [id, ...counted(listed(items))];

const [I32, V128] = [0x7f, 0x7b];
const get = (local: number): number[] => [0x20, ...leb(local)];
const set = (local: number): number[] => [0x21, ...leb(local)];
const constant = (value: number): number[] => [0x41, ...leb(value)]; // below 64: LEB128 of i32 is signed
const simd = (code: number, ...rest: number[]): number[] => [0xfd, ...leb(code), ...rest];
const load = (offset: number): number[] => simd(0x00, 4, ...leb(offset));
const splat = (offset: number): number[] => simd(0x09, 2, ...leb(offset));
const store = (offset: number): number[] => simd(0x0b, 4, ...leb(offset));
const madd = simd(0x105);
const mulAdd = (advance: number, local: number): number[] => [...get(local), ...constant(advance), 0x6a, ...set(local)];

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** Steps of the contraction in one call. */
const STEPS = 256;

/** A module whose `run(a, b, to, steps)` multiplies and adds with `rows` values a step and a panel of `vectors`, in its own memory. */
function trialModule(rows: number, vectors: number): WebAssembly.Module {
  const [a, b, to, steps] = [0, 1, 2, 3];
  const sum = (row: number, vector: number) => 4 + row * vectors + vector;
  const panel = (vector: number) => 4 + rows * vectors + vector;
  const value = panel(vectors);
  const all = range(rows).flatMap((row) => range(vectors).map((vector) => [row, vector] as const));
  const step = [
    ...range(vectors).flatMap((vector) => [...get(b), ...load(16 * vector), ...set(panel(vector))]),
    ...range(rows).flatMap((row) => [
      ...[...get(a), ...splat(4 * row), ...set(value)],
      ...range(vectors).flatMap((vector) => [
        ...[...get(value), ...get(panel(vector)), ...get(sum(row, vector)), ...madd, ...set(sum(row, vector))],
      ]),
    ]),
    ...mulAdd(4 * rows, a),
    ...mulAdd(16, b),
    ...[...get(steps), ...constant(1), 0x6b, 0x22, steps, 0x0d, 0],
  ];
  const stores = all.flatMap(([row, vector]) => [
    ...[...get(to), ...get(sum(row, vector)), ...store(16 * (row * vectors + vector))],
  ]);
  const body = [...listed([[...leb(rows * vectors + vectors + 1), V128]]), 0x03, 0x40, ...step, 0x0b, ...stores, 0x0b];
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

/** Milliseconds to wait for the engine to compile the narrow tile well, and to go on then: it compiles the wide one at about that time. */
const LONGEST = { narrow: 100, both: 8 } as const;
/** How much faster a narrow tile is then at the least: it was compiled in haste at first. */
const BETTER = 2.5;
/** How much faster a wide tile must be; where vectors are joined it is twice as fast, else half. */
const GAIN = 1.25;

/** The answer. Documented cache: it is the same for the whole process. */
const known: { answer?: boolean } = {};

/**
 * Tells whether the engine joins neighbouring vectors. Takes some 15 milliseconds at the first call.
 *
 * @param options `eager`: true where the engine compiles everything well at once.
 * @returns True if a wide tile was faster than a narrow one that was compiled well.
 */
export function widens({ eager = false }: { readonly eager?: boolean } = {}): boolean {
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

function startTrial([rows, vectors]: readonly [number, number]): Trial {
  const { exports } = new WebAssembly.Instance(trialModule(rows, vectors));
  const tile = { run: exports.run as Trial["run"], products: rows * vectors * 4 };
  const first = Math.min(...range(TURNS).map(() => timeOf(tile, CALLS.first)));
  return { ...tile, first, best: first };
}

function tryTiles(eager: boolean): boolean {
  const trials = ([[4, 2], [6, 4]] as const).map(startTrial);
  const [narrow, wide] = trials as [Trial, Trial];
  const takeTurns = (milliseconds: number, areEnough: () => boolean) => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end && !areEnough()) {
      trials.forEach((trial) => trial.best = Math.min(trial.best, timeOf(trial, CALLS.later)));
    }
  };
  const isWell = () => eager || BETTER * narrow.best < narrow.first;
  takeTurns(LONGEST.narrow, isWell);
  takeTurns(LONGEST.both, () => !isWell());
  return isWell() && narrow.best > GAIN * wide.best;
}
