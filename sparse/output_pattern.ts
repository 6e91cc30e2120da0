import { ShapeError } from "../tensor/core.ts";
import { requireHostCoordinates } from "./concrete.ts";
import { type ConvWindow, denseOutputSize } from "./conv_window.ts";
import { derived } from "./derived.ts";
import { imageSize, outputBlocks } from "./kernel_map.ts";
import { cellNumber, type GridShape, patternFromCells, type SparsePattern } from "./pattern.ts";

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
  blockShape: readonly number[],
  window: ConvWindow,
  requested?: OutputPattern,
): SparsePattern {
  if (requested === "complete") return completePattern(operation, input, blockShape, window);
  if (requested) return requested;
  const { step } = outputBlocks(operation, blockShape, window.stride);
  return step.every((cells) => cells === 1) ? input : floorPattern(operation, input, step);
}

function floorPattern(operation: string, input: SparsePattern, step: readonly number[]): SparsePattern {
  return derived(input, input, ["floor", step], () => {
    const [batch, ...sizes] = input.gridShape;
    const grid: GridShape = [batch, ...sizes.map((size, axis) => Math.ceil(size / step[axis]!))];
    const cells = requireHostCoordinates(operation, input).map(([image, ...place]) =>
      cellNumber([image!, ...place.map((at, axis) => Math.floor(at / step[axis]!))], grid)
    );
    return patternFromCells(cells, grid);
  });
}

function completePattern(
  operation: string,
  input: SparsePattern,
  blockShape: readonly number[],
  window: ConvWindow,
): SparsePattern {
  if (blockShape.some((pixels) => pixels !== 1)) {
    throw new ShapeError(operation, "the complete output of blocks would have blocks in part: use toVoxels", [
      blockShape,
    ]);
  }
  return derived(input, input, ["complete", window], () => {
    const size = denseOutputSize(operation, imageSize(input, blockShape), window);
    const cells = requireHostCoordinates(operation, input).flatMap(([image, ...place]) =>
      place.reduce((outer: readonly number[], at, axis) => {
        const readers = readersOf(at, axis, size[axis]!, window);
        return outer.flatMap((cell) => readers.map((reader) => cell * size[axis]! + reader));
      }, [image!])
    );
    return patternFromCells(cells, [input.gridShape[0], ...size]);
  });
}

/** Outputs along one axis, of `size`, that read input `at`. */
function readersOf(
  at: number,
  axis: number,
  size: number,
  { kernel, stride, padding, dilation }: ConvWindow,
): readonly number[] {
  const before = padding[axis]![0];
  return Array.from({ length: kernel[axis]! }, (_, tap) => (at + before - dilation[axis]! * tap) / stride[axis]!)
    .filter((output) => Number.isInteger(output) && output >= 0 && output < size);
}
