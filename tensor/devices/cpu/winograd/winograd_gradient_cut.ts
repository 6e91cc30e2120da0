import type { WinogradWeightGradient } from "../../../contraction/geometry.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { aligned, oddLines } from "../contraction/right_factor.ts";
import { columnsOf, panelBytes, panelsOf } from "../contraction/tiles.ts";
import * as wat from "../emit/wat.ts";
import { DEAR_ITEMS, PARTIALS } from "../machine.ts";

/** Most channels and columns of a work item. */
const CHANNELS = 100;
const COLUMNS = 96;
/** Bytes of transformed tiles, and the least and most tiles of a block. */
const BLOCK_BYTES = 2 * 2 ** 20;
const LEAST_TILES = 24;
const MOST_TILES = 96;

/** How a gradient is cut into work items, where things lie in local memory and, of the sums, in scratch. */
export interface Cut {
  readonly tile: Tile;
  readonly channelsEach: number;
  readonly channelBlocks: number;
  /** Rows that sums have for the channels of a block. */
  readonly rowsEach: number;
  readonly panels: number;
  readonly panelsEach: number;
  readonly panelBlocks: number;
  readonly tilesEach: number;
  readonly blocks: number;
  readonly blocksEach: number;
  readonly slabs: number;
  /**
   * Where the sums of an item lie in local memory, if it has all of them: it transforms them itself. `null` where they lie in
   * scratch, as those of several slabs are to be added.
   */
  readonly own: number | null;
  readonly sumRow: number;
  readonly sumProduct: number;
  readonly sumPhase: number;
  readonly slabBytes: number;
  /** Transformed input. */
  readonly leftRow: number;
  readonly leftProduct: number;
  /** Transformed gradient of the output, in panels. */
  readonly right: number;
  readonly rightPanel: number;
  readonly rightProduct: number;
  readonly rows: number;
  readonly pixels: number;
  readonly zeros: number;
  readonly bytes: number;
}

/** Cuts a length into as few nearly equal pieces as have at most `most`, of whole multiples. */
function piecesOf(length: number, most: number, multiple: number): { readonly each: number; readonly count: number } {
  const each = wat.roundUp(Math.ceil(length / Math.max(1, Math.ceil(length / most))), multiple);
  return { each, count: Math.ceil(length / each) };
}

/** In which order tiles are added up: it must not depend on what the registers hold. */
function orderOf({ scheme, tiles, phases, channels, columns }: WinogradWeightGradient) {
  const squares = scheme.size ** 2;
  const count = tiles.batch * tiles.y * tiles.x;
  const [channelPart, columnPart] = [piecesOf(channels, CHANNELS, 1), piecesOf(columns, COLUMNS, 1)];
  const tileBytes = squares * 4 * (channelPart.each + columnPart.each);
  const most = Math.max(LEAST_TILES, Math.min(MOST_TILES, Math.floor(BLOCK_BYTES / tileBytes)));
  const tilesEach = Math.max(1, Math.ceil(count / Math.max(1, Math.ceil(count / most))));
  const blocks = Math.max(1, Math.ceil(count / tilesEach));
  const pieces = channelPart.count * columnPart.count * phases[0] * phases[1];
  const partial = squares * channels * columns * 4 * phases[0] * phases[1];
  const wanted = Math.min(blocks, Math.ceil(DEAR_ITEMS / pieces), Math.max(1, Math.floor(PARTIALS / partial)));
  const blocksEach = Math.ceil(blocks / wanted);
  return { tilesEach, blocks, blocksEach, slabs: Math.ceil(blocks / blocksEach) };
}

export function cutOf(gradient: WinogradWeightGradient, tile: Tile): Cut {
  const { scheme, phases, channels, columns } = gradient;
  const squares = scheme.size ** 2;
  const panels = panelsOf(columns, tile);
  const channelCut = piecesOf(channels, CHANNELS, 4 * tile.rows);
  const panelCut = piecesOf(panels, COLUMNS / columnsOf(tile), 1);
  const order = orderOf(gradient);
  const rowsEach = wat.roundUp(channelCut.each, tile.rows);
  const own = order.slabs === 1;
  const sumRow = (own ? panelCut.each : panels) * panelBytes(tile);
  const sumProduct = oddLines((own ? 1 : channelCut.count) * rowsEach * sumRow);
  const sumPhase = squares * sumProduct;
  const slabBytes = sumPhase * phases[0] * phases[1];
  const local = localLayout(squares, order.tilesEach, rowsEach, panelCut.each, tile);
  return {
    tile,
    channelsEach: channelCut.each,
    channelBlocks: channelCut.count,
    rowsEach,
    panels,
    panelsEach: panelCut.each,
    panelBlocks: panelCut.count,
    ...order,
    sumRow,
    sumProduct,
    sumPhase,
    slabBytes,
    ...local,
    own: own ? local.bytes : null,
    bytes: local.bytes + (own ? squares * sumProduct : 0),
  };
}

function localLayout(squares: number, tilesEach: number, rowsEach: number, panelsEach: number, tile: Tile) {
  const leftRow = wat.roundUp(rowsEach * 4, 16) + 16;
  const leftProduct = oddLines(tilesEach * leftRow);
  const right = squares * leftProduct;
  const rightPanel = tilesEach * panelBytes(tile);
  const rightProduct = oddLines(panelsEach * rightPanel);
  const rows = right + squares * rightProduct;
  const pixels = rows + aligned(rowsEach * 4);
  const zeros = pixels + aligned(squares * 4);
  const bytes = zeros + aligned(Math.max(rowsEach * 4, panelsEach * panelBytes(tile)));
  return { leftRow, leftProduct, right, rightPanel, rightProduct, rows, pixels, zeros, bytes };
}
