import type { WatKernel } from "../../../compiler/kernel.ts";
import type { OuterContraction } from "../../../contraction/contraction.ts";
import { cutSlabs } from "../../../contraction/slabs.ts";
import { wholeRows } from "../../../contraction/traits.ts";
import { type ChannelBlocks, channelBlocks, eachBlock, PAIR_BYTES, pairSums } from "../contraction/pair_sums.ts";
import { bufferOf, buffersOf, type RowSource, rowSource } from "../contraction/row_source.ts";
import { type PartialSums, summedKernel, sumsOf } from "../contraction/slab_sum.ts";
import {
  add,
  argument,
  block,
  call,
  func,
  get,
  int,
  loop,
  min,
  mul,
  pass,
  roundUp,
  set,
  split,
  sub,
  type Wat,
} from "../emit/text.ts";
import { COSTS, ITEMS, PARTIALS } from "../machine.ts";

/** Rows between two visits of a weight: their channels of one block stay in the L1 cache while all taps pass. */
const ROWS = 48;

/** How the work is cut; depends on shapes only. */
interface Cut {
  readonly blocks: ChannelBlocks;
  readonly blocksEach: number;
  readonly parts: number;
  /** Rows of a slab. */
  readonly length: number;
  readonly sums: PartialSums;
}

/**
 * Makes the kernel of the weight gradient of a depthwise convolution, whatever its rows are: `dw[t, c] = Σ x[row m's tap t,
 * c]·dy[m, c]`.
 *
 * @param contraction Its channels are its batch.
 * @returns One pass over slabs of rows and, if there is more than one, one that adds the slabs.
 */
export function depthwiseWeightGradientKernel(contraction: OuterContraction): WatKernel {
  const left = rowSource(wholeRows(contraction.rows, contraction));
  const cut = cutOf(left);
  const { sums } = cut;
  const cost = cut.length * left.taps * cut.blocksEach * cut.blocks.width * COSTS.lists;
  const items = sums.floats === 0 ? 0 : sums.slabs * cut.parts;
  const dy = bufferOf(contraction.right.input);
  const buffers = buffersOf(contraction);
  const contract = pass(buffers, [pairSums(cut.blocks), listTaps(left, dy), gradientItem(left, cut)], items, cost);
  return summedKernel(buffers, sums, contract, left.taps * (4 + ROWS * PAIR_BYTES));
}

function cutOf({ rows, taps, channels }: RowSource): Cut {
  const blocks = channelBlocks(channels);
  const floats = taps * channels;
  const slabFloats = roundUp(floats, 16);
  const { slabs, length } = cutSlabs({
    ...{ rows, whole: ROWS, wanted: ITEMS },
    ...{ elements: slabFloats * 4, most: PARTIALS },
  });
  const blocksEach = Math.ceil(blocks.count / Math.min(blocks.count || 1, Math.ceil(ITEMS / slabs)));
  const parts = Math.ceil(blocks.count / Math.max(1, blocksEach));
  return { blocks, blocksEach, parts, length, sums: { floats, slabs, slabFloats } };
}

/** Address of the note where tap `$t`'s list ends, and of the list itself. */
function noteAndList({ taps }: RowSource): readonly [note: Wat, list: Wat] {
  return [
    add(argument("local"), mul(get("t"), 4)),
    add(argument("local"), taps * 4, mul(get("t"), ROWS * PAIR_BYTES)),
  ];
}

/** Writes the function that makes, for each tap, the list of rows of x and dy that meet in it, of rows `m0` to `m0 + mn`. */
function listTaps(left: RowSource, dy: string): Wat {
  const [note, list] = noteAndList(left);
  const push = block(
    left.tap,
    set("list", `(i32.load ${note})`),
    `(i32.store ${get("list")} ${get("from")})`,
    `(i32.store offset=4 ${get("list")} ${get("dy_row")})`,
    `(i32.store ${note} ${add(get("list"), left.valid ? mul(left.valid, PAIR_BYTES) : int(PAIR_BYTES))})`,
  );
  const row = block(
    set("dy_row", add(argument(dy), mul(get("m"), left.channels * 4))),
    left.row,
    loop("t", int(0), int(left.taps), push),
  );
  return func(
    "lists",
    ["m0", "mn"],
    block(
      set("m_end", add(get("m0"), get("mn"))),
      loop("t", int(0), int(left.taps), `(i32.store ${note} ${list})`),
      loop("m", get("m0"), get("m_end"), row),
    ),
  );
}

/** Writes the function that does one work item: a slab of rows, some blocks of channels. */
function gradientItem(left: RowSource, { blocks, blocksEach, parts, length, sums: partial }: Cut): Wat {
  const [note, list] = noteAndList(left);
  const start = sumsOf(partial, get("slab"));
  const sums = loop(
    "t",
    int(0),
    int(left.taps),
    block(
      set("to", add(start, mul(get("t"), left.channels * 4))),
      call("sum", list, `(i32.load ${note})`, get("column"), get("to"), get("more"), get("last")),
    ),
  );
  const chunk = block(
    set("mn", min(int(ROWS), sub(int(left.rows), get("m0")))),
    call("lists", get("m0"), get("mn")),
    set("more", `(i32.ne ${get("m0")} ${get("first")})`),
    eachBlock(blocks, sums),
  );
  return func(
    "item",
    ["index"],
    block(
      split(get("index"), [["slab", partial.slabs], ["block0", parts]]),
      set("block0", mul(get("block0"), blocksEach)),
      set("block_end", min(int(blocks.count), add(get("block0"), blocksEach))),
      set("first", mul(get("slab"), length)),
      set("end", min(int(roundUp(Math.max(1, left.rows), ROWS)), add(get("first"), length))),
      loop("m0", get("first"), get("end"), chunk, ROWS),
    ),
  );
}
