import type { WinogradConv } from "../../../contraction/geometry.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { aligned, oddLines } from "../contraction/right_factor.ts";
import { panelBytes } from "../contraction/tiles.ts";
import * as wat from "../emit/wat.ts";
import { DEAR_ITEMS, STEPS } from "../machine.ts";
import type { WeightLayout } from "./winograd_weights.ts";

/**
 * Bytes of transformed input at most, more only where a block would have too few tiles. Each block reads all transformed
 * weights, or transforms them: it is to be large. What is read again and again at a time, the rows of one product, is a small
 * part of it.
 */
const BLOCK_BYTES = 896 * 1024;
/** Least tiles of a block, and most. */
const LEAST_TILES = 12;
const MOST_TILES = 96;
/** Bytes of the transformed weights of a phase that stay in a cache: more would go to memory and come back for each block. */
const CACHED_BYTES = 8 * 2 ** 20;

/** How a convolution is cut into work items, and where things lie in a thread's local memory. */
export interface Cut {
  readonly tile: Tile;
  readonly tilesEach: number;
  readonly blocks: number;
  readonly panelsEach: number;
  readonly parts: number;
  /** Channels that are added up between two visits of the products. */
  readonly stepsEach: number;
  /**
   * Where an item transforms weights itself, those of one panel and some channels at a time: where they lie, and bytes from one
   * product to the next. `null` where a pass before has transformed all.
   */
  readonly own: { readonly weights: number; readonly productBytes: number } | null;
  /** Transformed input: bytes of a tile's row and of a product's rows. */
  readonly leftRow: number;
  readonly leftProduct: number;
  /** Products, likewise, and where they start. */
  readonly products: number;
  readonly productRow: number;
  readonly productBytes: number;
  /** Addresses of result rows; of the pixels of a tile; zeros; a pixel for results nobody wants. */
  readonly rows: number;
  readonly pixels: number;
  readonly zeros: number;
  readonly dump: number;
  readonly bytes: number;
}

/** Cuts a convolution. */
export function cutOf({ scheme, tiles, weights, outer, inner }: WinogradConv, layout: WeightLayout): Cut {
  const { tile, panels } = layout;
  const squares = scheme.size ** 2;
  const stepsEach = wat.roundUp(Math.ceil(weights.channels / Math.max(1, Math.ceil(weights.channels / STEPS))), 4);
  const own = layout.phaseBytes * inner[0] * inner[1] > CACHED_BYTES;
  const held = own ? stepsEach : weights.channels;
  const count = tiles.batch * tiles.y * tiles.x;
  const fitting = Math.floor(BLOCK_BYTES / (squares * held * 4));
  const most = Math.max(LEAST_TILES, Math.min(MOST_TILES, fitting));
  const blocks = Math.max(1, Math.ceil(count / most));
  const tilesEach = Math.max(tile.rows, wat.roundUp(Math.ceil(count / blocks), tile.rows));
  const used = Math.ceil(count / tilesEach);
  const wanted = Math.ceil(DEAR_ITEMS / Math.max(1, used * outer[0] * outer[1]));
  const panelsEach = Math.max(1, Math.ceil(panels / Math.max(1, Math.min(wanted, Math.ceil(panels / 8)))));
  return {
    ...{ tile, tilesEach, blocks: used, panelsEach, parts: Math.ceil(panels / panelsEach), stepsEach },
    ...localLayout({ squares, tilesEach, panelsEach, held, own: own ? stepsEach : 0, tile }),
  };
}

/** Where things lie in local memory; `own` are the channels whose weights lie there. */
function localLayout({ squares, tilesEach, panelsEach, held, own, tile }: {
  readonly squares: number;
  readonly tilesEach: number;
  readonly panelsEach: number;
  readonly held: number;
  readonly own: number;
  readonly tile: Tile;
}) {
  const leftRow = wat.roundUp(held * 4, 16) + 16;
  const leftProduct = oddLines(tilesEach * leftRow);
  const products = squares * leftProduct;
  const productRow = panelsEach * panelBytes(tile) + 16;
  const productBytes = oddLines(tilesEach * productRow);
  const rows = products + squares * productBytes;
  const pixels = rows + aligned(tilesEach * 4);
  const zeros = pixels + aligned(squares * 4);
  const dump = zeros + aligned(leftRow);
  const weights = dump + aligned(panelsEach * panelBytes(tile));
  const weightProduct = oddLines(own * panelBytes(tile));
  return {
    ...{ leftRow, leftProduct, products, productRow, productBytes, rows, pixels, zeros, dump },
    own: own > 0 ? { weights, productBytes: weightProduct } : null,
    bytes: weights + (own > 0 ? squares * weightProduct : 0),
  };
}
