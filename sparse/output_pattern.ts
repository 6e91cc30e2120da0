import { ShapeError } from "../tensor/mod.ts";
import { requireHostCells } from "./concrete.ts";
import { type ConvWindow, denseOutputSize, type Pair } from "./conv_window.ts";
import { derived } from "./derived.ts";
import { imageSize, outputBlocks } from "./kernel_map.ts";
import { type GridShape, patternFromCells, type SparsePattern } from "./pattern.ts";

/** Where outputs are computed: a pattern, or `"complete"` for every site that reads an active one. */
export type OutputPattern = SparsePattern | "complete";

/**
 * Chooses the pattern of an output. Blocks that the stride divides keep theirs; of single pixels that are strided the
 * sites `floor(c / stride)` remain, as in MinkowskiEngine.
 *
 * @param operation For errors.
 * @param input Pattern of the input.
 * @param blockShape Its blocks.
 * @param window Kernel, stride, padding, dilation.
 * @param requested What the caller asked for, if anything.
 * @returns The pattern.
 * @throws {TypeError} If the sites depend on coordinates that are not on the host.
 * @throws {ShapeError} If `"complete"` is asked for blocks of several pixels.
 */
export function outputPatternOf(
  operation: string,
  input: SparsePattern,
  blockShape: Pair,
  window: ConvWindow,
  requested?: OutputPattern,
): SparsePattern {
  if (requested === "complete") return completePattern(operation, input, blockShape, window);
  if (requested) return requested;
  const { step } = outputBlocks(operation, blockShape, window.stride);
  return step[0] === 1 && step[1] === 1 ? input : floorPattern(operation, input, step);
}

function floorPattern(operation: string, input: SparsePattern, step: Pair): SparsePattern {
  return derived(input, input, ["floor", step], () => {
    const [batch, rows, columns] = input.gridShape;
    const grid: GridShape = [batch, Math.ceil(rows / step[0]), Math.ceil(columns / step[1])];
    const cells = requireHostCells(operation, input).map((cell) => {
      const [b, y, x] = [Math.floor(cell / (rows * columns)), Math.floor(cell / columns) % rows, cell % columns];
      return (b * grid[1] + Math.floor(y / step[0])) * grid[2] + Math.floor(x / step[1]);
    });
    return patternFromCells(cells, grid);
  });
}

function completePattern(operation: string, input: SparsePattern, blockShape: Pair, window: ConvWindow): SparsePattern {
  if (blockShape[0] !== 1 || blockShape[1] !== 1) {
    throw new ShapeError(operation, "the complete output of blocks would have blocks in part: use toVoxels", [
      blockShape,
    ]);
  }
  return derived(input, input, ["complete", window], () => {
    const [batch, rows, columns] = input.gridShape;
    const size = denseOutputSize(operation, imageSize(input, blockShape), window);
    const cells = requireHostCells(operation, input).flatMap((cell) => {
      const [b, y, x] = [Math.floor(cell / (rows * columns)), Math.floor(cell / columns) % rows, cell % columns];
      return readersOf(y, 0, size, window).flatMap((v) =>
        readersOf(x, 1, size, window).map((u) => (b * size[0] + v) * size[1] + u)
      );
    });
    return patternFromCells(cells, [batch, ...size]);
  });
}

/** Outputs along one axis that read input `at`. */
function readersOf(at: number, axis: 0 | 1, size: Pair, { kernel, stride, padding, dilation }: ConvWindow): number[] {
  return Array.from({ length: kernel[axis] }, (_, tap) => (at + padding[axis][0] - dilation[axis] * tap) / stride[axis])
    .filter((output) => Number.isInteger(output) && output >= 0 && output < size[axis]);
}
