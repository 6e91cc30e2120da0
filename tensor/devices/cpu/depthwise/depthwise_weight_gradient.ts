import type { WatKernel } from "../../../compiler/kernel.ts";
import { type ChannelBlocks, channelBlocks, eachBlock, PAIR_BYTES, pairSums } from "../contraction/pair_sums.ts";
import type { RowSource } from "../contraction/row_source.ts";
import { slabSum } from "../contraction/slab_sum.ts";
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

/** Rows between two visits of a weight: their channels of one block stay in the L1 cache while all taps pass. */
const ROWS = 48;
/** Work items to aim at, so that 8 threads end at about the same time. */
const ITEMS = 32;
/** Most bytes of partial sums. */
const PARTIALS = 64 * 2 ** 20;
/** Nanoseconds for one multiply-add, as measured on a core of 2.3 GHz. */
const COST = 0.1;

/** How the work is cut; depends on shapes only. */
interface Cut {
  readonly blocks: ChannelBlocks;
  readonly blocksEach: number;
  readonly parts: number;
  readonly slabRows: number;
  readonly slabs: number;
  readonly slabFloats: number;
}

/**
 * Makes the kernel of the weight gradient of a depthwise convolution: `dw[t, c] = Σ x[row m's tap t, c]·dy[m, c]`.
 *
 * @param buffers Names of the inputs and outputs, in order; `dy [rows, channels]` and `dw [taps, channels]` are among them.
 * @param left Rows of x with all channels.
 * @returns One pass over slabs of rows and, if there is more than one, one that adds the slabs.
 */
export function depthwiseWeightGradientKernel(buffers: readonly string[], left: RowSource): WatKernel {
  const cut = cutOf(left);
  const { slabs, slabFloats } = cut;
  const floats = left.taps * left.channels;
  const cost = cut.slabRows * left.taps * cut.blocksEach * cut.blocks.width * COST;
  const items = floats === 0 ? 0 : slabs * cut.parts;
  const contract = pass(buffers, [pairSums(cut.blocks), listTaps(left), gradientItem(left, cut)], items, cost);
  return {
    passes: slabs > 1 ? [contract, slabSum(buffers, { output: "dw", floats, slabs, slabFloats })] : [contract],
    scratchBytes: slabs > 1 ? slabs * slabFloats * 4 : 0,
    localBytes: left.taps * (4 + ROWS * PAIR_BYTES),
  };
}

function cutOf({ rows, taps, channels }: RowSource): Cut {
  const blocks = channelBlocks(channels);
  const slabFloats = roundUp(taps * channels, 16);
  const chunks = Math.max(1, Math.ceil(rows / ROWS));
  const most = Math.max(1, Math.floor(PARTIALS / Math.max(1, slabFloats * 4)));
  const chunksEach = Math.ceil(chunks / Math.min(ITEMS, chunks, most));
  const slabs = Math.ceil(chunks / chunksEach);
  const blocksEach = Math.ceil(blocks.count / Math.min(blocks.count || 1, Math.ceil(ITEMS / slabs)));
  const parts = Math.ceil(blocks.count / Math.max(1, blocksEach));
  return { blocks, blocksEach, parts, slabRows: chunksEach * ROWS, slabs, slabFloats };
}

/** Address of the note where tap `$t`'s list ends, and of the list itself. */
function noteAndList({ taps }: RowSource): readonly [note: Wat, list: Wat] {
  return [
    add(argument("local"), mul(get("t"), 4)),
    add(argument("local"), taps * 4, mul(get("t"), ROWS * PAIR_BYTES)),
  ];
}

/** Writes the function that makes, for each tap, the list of rows of x and dy that meet in it, of rows `m0` to `m0 + mn`. */
function listTaps(left: RowSource): Wat {
  const [note, list] = noteAndList(left);
  const push = block(
    left.tap,
    set("list", `(i32.load ${note})`),
    `(i32.store ${get("list")} ${get("from")})`,
    `(i32.store offset=4 ${get("list")} ${get("dy_row")})`,
    `(i32.store ${note} ${add(get("list"), left.valid ? mul(left.valid, PAIR_BYTES) : int(PAIR_BYTES))})`,
  );
  const row = block(
    set("dy_row", add(argument("dy"), mul(get("m"), left.channels * 4))),
    left.row,
    loop("t", int(0), int(left.taps), push),
  );
  return func(
    "lists",
    ["m0", "mn"],
    block(
      set("m_end", add(get("m0"), get("mn"))),
      set("g", int(0)), // rows are noted from the first channel on
      loop("t", int(0), int(left.taps), `(i32.store ${note} ${list})`),
      loop("m", get("m0"), get("m_end"), row),
    ),
  );
}

/** Writes the function that does one work item: a slab of rows, some blocks of channels. */
function gradientItem(left: RowSource, { blocks, blocksEach, parts, slabRows, slabs, slabFloats }: Cut): Wat {
  const [note, list] = noteAndList(left);
  const start = slabs > 1 ? add(argument("scratch"), mul(get("slab"), slabFloats * 4)) : argument("dw");
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
      split(get("index"), [["slab", slabs], ["block0", parts]]),
      set("block0", mul(get("block0"), blocksEach)),
      set("block_end", min(int(blocks.count), add(get("block0"), blocksEach))),
      set("first", mul(get("slab"), slabRows)),
      set("end", min(int(roundUp(Math.max(1, left.rows), ROWS)), add(get("first"), slabRows))),
      loop("m0", get("first"), get("end"), chunk, ROWS),
    ),
  );
}
