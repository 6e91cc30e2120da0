/** @file Depthwise convolutions: each channel with its own weights. A row's taps that are there become a list, then the channels run. */
import type { WatKernel } from "../../../compiler/kernel.ts";
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
import { add, argument, block, call, func, get, int, loop, min, mul, pass, set, sub, type Wat } from "../emit/text.ts";
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
    passes: [pass(buffersOf(contraction), functions, items, ROWS * taps * channels * COSTS.lists)],
    scratchBytes: 0,
    localBytes: ROWS * 8 + ROWS * taps * PAIR_BYTES,
  };
}

/** Writes the function that does one work item: lists first, then for each block of channels all rows. */
function depthwiseItem(i: number, part: DepthwisePart, channels: number): Wat {
  const { left } = part;
  const blocks = channelBlocks(channels);
  const note = add(argument("local"), mul(get("i"), 8));
  const begin = add(argument("local"), ROWS * 8, mul(get("i"), left.taps * PAIR_BYTES));
  const lists = block(
    set("m", add(get("m0"), get("i"))),
    part.result.index,
    `(i32.store ${note} ${part.result.address})`,
    set("list", begin),
    left.row,
    loop("t", int(0), int(left.taps), pushTap(part)),
    `(i32.store offset=4 ${note} ${get("list")})`,
  );
  const sums = loop(
    "i",
    int(0),
    get("mn"),
    block(
      set("to", `(i32.load ${note})`),
      set("list_end", `(i32.load offset=4 ${note})`),
      call("sum", begin, ...["list_end", "column", "to"].map(get), int(0), get("last")),
    ),
  );
  return func(
    `rows${i}`,
    ["index"],
    block(
      set("m0", mul(get("index"), ROWS)),
      set("mn", min(int(ROWS), sub(int(left.rows), get("m0")))),
      loop("i", int(0), get("mn"), lists),
      set("block0", int(0)),
      set("block_end", int(blocks.count)),
      eachBlock(blocks, sums),
    ),
  );
}

/** Appends a tap's pair to the list; one that is not there is overwritten by the next. */
function pushTap({ left, weights }: DepthwisePart): Wat {
  return block(
    left.tap,
    `(i32.store ${get("list")} ${get("from")})`,
    `(i32.store offset=4 ${get("list")} ${weights})`,
    set("list", add(get("list"), left.valid ? mul(left.valid, PAIR_BYTES) : PAIR_BYTES)),
  );
}
