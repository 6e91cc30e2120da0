import type { WatKernel } from "../../../compiler/kernel_text.ts";
import type { OuterContraction } from "../../../contraction/contraction.ts";
import { cutSlabs } from "../../../contraction/slabs.ts";
import { wholeRows } from "../../../contraction/traits.ts";
import { type ChannelBlocks, channelBlocks, eachBlock, PAIR_BYTES, pairSums } from "../contraction/pair_sums.ts";
import { bufferOf, buffersOf, type RowSource, rowSource } from "../contraction/row_source.ts";
import { type PartialSums, summedKernel, sumsOf } from "../contraction/slab_sum.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
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
  const contract = wat.pass(buffers, [pairSums(cut.blocks), listTaps(left, dy), gradientItem(left, cut)], items, cost);
  return summedKernel(buffers, sums, contract, left.taps * (4 + ROWS * PAIR_BYTES));
}

function cutOf({ rows, taps, channels }: RowSource): Cut {
  const blocks = channelBlocks(channels);
  const floats = taps * channels;
  const slabFloats = wat.roundUp(floats, 16);
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
    wat.add(wat.argument("local"), wat.mul(wat.get("t"), 4)),
    wat.add(wat.argument("local"), taps * 4, wat.mul(wat.get("t"), ROWS * PAIR_BYTES)),
  ];
}

/** Writes the function that makes, for each tap, the list of rows of x and dy that meet in it, of rows `m0` to `m0 + mn`. */
function listTaps(left: RowSource, dy: string): Wat {
  const [note, list] = noteAndList(left);
  const push = wat.block(
    left.tap,
    wat.set("list", `(i32.load ${note})`),
    `(i32.store ${wat.get("list")} ${wat.get("from")})`,
    `(i32.store offset=4 ${wat.get("list")} ${wat.get("dy_row")})`,
    `(i32.store ${note} ${
      wat.add(wat.get("list"), left.valid ? wat.mul(left.valid, PAIR_BYTES) : wat.int(PAIR_BYTES))
    })`,
  );
  const row = wat.block(
    wat.set("dy_row", wat.add(wat.argument(dy), wat.mul(wat.get("m"), left.channels * 4))),
    left.row,
    wat.loop("t", wat.int(0), wat.int(left.taps), push),
  );
  return wat.func(
    "lists",
    ["m0", "mn"],
    wat.block(
      wat.set("m_end", wat.add(wat.get("m0"), wat.get("mn"))),
      wat.loop("t", wat.int(0), wat.int(left.taps), `(i32.store ${note} ${list})`),
      wat.loop("m", wat.get("m0"), wat.get("m_end"), row),
    ),
  );
}

/** Writes the function that does one work item: a slab of rows, some blocks of channels. */
function gradientItem(left: RowSource, { blocks, blocksEach, parts, length, sums: partial }: Cut): Wat {
  const [note, list] = noteAndList(left);
  const start = sumsOf(partial, wat.get("slab"));
  const sums = wat.loop(
    "t",
    wat.int(0),
    wat.int(left.taps),
    wat.block(
      wat.set("to", wat.add(start, wat.mul(wat.get("t"), left.channels * 4))),
      wat.call("sum", list, `(i32.load ${note})`, wat.get("column"), wat.get("to"), wat.get("more"), wat.get("last")),
    ),
  );
  const chunk = wat.block(
    wat.set("mn", wat.part(ROWS, left.rows, "m0")),
    wat.call("lists", wat.get("m0"), wat.get("mn")),
    wat.set("more", `(i32.ne ${wat.get("m0")} ${wat.get("first")})`),
    eachBlock(blocks, sums),
  );
  return wat.func(
    "item",
    ["index"],
    wat.block(
      wat.split(wat.get("index"), [["slab", partial.slabs], ["block0", parts]]),
      wat.set("block0", wat.mul(wat.get("block0"), blocksEach)),
      wat.set("block_end", wat.min(wat.int(blocks.count), wat.add(wat.get("block0"), blocksEach))),
      wat.set("first", wat.mul(wat.get("slab"), length)),
      wat.set("end", wat.min(wat.int(wat.roundUp(Math.max(1, left.rows), ROWS)), wat.add(wat.get("first"), length))),
      wat.loop("m0", wat.get("first"), wat.get("end"), chunk, ROWS),
    ),
  );
}
