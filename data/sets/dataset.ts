import type { ShownSize } from "../images/orientation.ts";
import type { Pixels } from "../images/pixels.ts";
import type { Draw } from "../images/draw.ts";
import type { Raster } from "../images/raster.ts";
import type { SourceAccount } from "./account.ts";
import type { Scene } from "./scenes/scene.ts";

/** How a worker makes its own copy of a data set: it imports the module and calls the function. */
export interface DatasetSource {
  /** URL of the module. */
  readonly module: string;
  /** Name of the exported function; it returns a `Dataset` or a promise of one. */
  readonly factory: string;
  /** Its arguments: plain data that `structuredClone` takes. */
  readonly args: readonly unknown[];
}

/**
 * Numbered images. The same index and draws must give the same image, in whichever worker.
 * A file that cannot be read or decoded is an `ImageError` from `load`: `batches` then names and replaces it.
 */
export interface Dataset {
  /** What messages call it. */
  readonly name: string;
  /** How many samples there are. */
  readonly length: number;
  /** Class of each sample; absent if there are no classes. */
  readonly labels?: Int32Array;
  /** Names of the classes. */
  readonly labelNames?: readonly string[];
  /** What the source held and what of it is used; absent for data sets that are made up. */
  readonly account?: SourceAccount;
  /** For workers; without it samples can be loaded in the calling thread only. */
  readonly source?: DatasetSource;
  /** What messages call a sample, such as its file. */
  nameOf(index: number): string;
  /** Makes a sample. `draw` is the source of its randomness, if it has any. */
  load(index: number, draw: Draw): Promise<Pixels>;
  /** Makes a sample with the channels and the depth of its file; absent where all are 8-bit colours. */
  loadRaster?(index: number, draw: Draw): Promise<Raster>;
  /**
   * Makes a sample turned as its camera says, of the size in which it was shown if that is given, as of `decodeUpright`; absent
   * where files say nothing of it, or `load` does so.
   */
  loadUpright?(index: number, size: ShownSize | null): Promise<Pixels>;
  /** Makes a sample with the objects in it; absent where they are not known. */
  loadScene?(index: number, draw: Draw): Promise<Scene>;
  /** Rows and columns of each image, where they are known before it is loaded. */
  readonly sizes?: readonly (readonly [height: number, width: number])[];
}
