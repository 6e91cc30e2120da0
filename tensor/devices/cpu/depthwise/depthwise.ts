/** @file Depthwise convolutions: each channel with its own weights. A row's taps that are there become a list, then the channels run. */
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import type { RowsContraction } from "../../../contraction/contraction.ts";
import { wholeRows } from "../../../contraction/traits.ts";
import { channelBlocks, eachBlock, PAIR_BYTES, pairSums } from "../contraction/pair_sums.ts";
import {
  buffersOf,
  type ResultText,
  resultText,
  type RowSource,
  rowSource,
  tapAddress,
} from "../contraction/row_source.ts";
import { dispatch } from "../contraction/rows_kernel.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import { COSTS } from "../machine.ts";

/** Some rows of a depthwise convolution, with all channels. */
interface DepthwisePart {
  readonly left: RowSource;
  /** Expression, after the statements of the tap: address of the tap's weights. */
  readonly weights: Wat;
  readonly result: ResultText;
}

/** Rows of a work item: while they pass, a block's weights stay in the L1 cache. */
const ROWS = 16;

/**
 * Makes the kernel of a depthwise convolution, whatever its rows are.
 *
 * @param contraction Its channels are its batch.
 * @returns One pass; a work item is some rows of a part.
 */
export function depthwiseKernel(contraction: RowsContraction): WatKernel {
  const channels = contraction.batch;
  const parts = contraction.phases.map((phase): DepthwisePart => {
    const whole = {
      ...phase,
      rows: wholeRows(phase.rows, contraction),
      result: { ...phase.result, batchStride: 0 },
    };
    return { left: rowSource(whole.rows), weights: tapAddress(whole), result: resultText(whole) };
  });
  const taps = Math.max(0, ...parts.map(({ left }) => left.taps));
  const counts = parts.map(({ left }) => Math.ceil(left.rows / ROWS));
  const functions = [
    pairSums(channelBlocks(channels)),
    ...parts.map((part, i) => depthwiseItem(i, part, channels)),
    dispatch("rows", counts),
  ];
  const items = channels === 0 ? 0 : counts.reduce((sum, count) => sum + count, 0);
  return {
    passes: [wat.pass(buffersOf(contraction), functions, items, ROWS * taps * channels * COSTS.lists)],
    scratchBytes: 0,
    localBytes: ROWS * 8 + ROWS * taps * PAIR_BYTES,
  };
}

/** Writes the function that does one work item: lists first, then for each block of channels all rows. */
function depthwiseItem(i: number, part: DepthwisePart, channels: number): Wat {
  const { left } = part;
  const blocks = channelBlocks(channels);
  const note = wat.add(wat.argument("local"), wat.mul(wat.get("i"), 8));
  const begin = wat.add(wat.argument("local"), ROWS * 8, wat.mul(wat.get("i"), left.taps * PAIR_BYTES));
  const lists = wat.block(
    wat.set("m", wat.add(wat.get("m0"), wat.get("i"))),
    part.result.index,
    `(i32.store ${note} ${part.result.address})`,
    wat.set("list", begin),
    left.row,
    wat.loop("t", wat.int(0), wat.int(left.taps), pushTap(part)),
    `(i32.store offset=4 ${note} ${wat.get("list")})`,
  );
  const sums = wat.loop(
    "i",
    wat.int(0),
    wat.get("mn"),
    wat.block(
      wat.set("to", `(i32.load ${note})`),
      wat.set("list_end", `(i32.load offset=4 ${note})`),
      wat.call("sum", begin, ...["list_end", "column", "to"].map(wat.get), wat.int(0), wat.get("last")),
    ),
  );
  return wat.func(
    `rows${i}`,
    ["index"],
    wat.block(
      wat.set("m0", wat.mul(wat.get("index"), ROWS)),
      wat.set("mn", wat.part(ROWS, left.rows, "m0")),
      wat.loop("i", wat.int(0), wat.get("mn"), lists),
      wat.set("block0", wat.int(0)),
      wat.set("block_end", wat.int(blocks.count)),
      eachBlock(blocks, sums),
    ),
  );
}

/** Appends a tap's pair to the list; one that is not there is overwritten by the next. */
function pushTap({ left, weights }: DepthwisePart): Wat {
  return wat.block(
    left.tap,
    `(i32.store ${wat.get("list")} ${wat.get("from")})`,
    `(i32.store offset=4 ${wat.get("list")} ${weights})`,
    wat.set("list", wat.add(wat.get("list"), left.valid ? wat.mul(left.valid, PAIR_BYTES) : PAIR_BYTES)),
  );
}
