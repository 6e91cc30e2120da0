import type { Draw } from "./mutate.ts";

/** One kind of file. */
export interface Target {
  /** Name of the kind. */
  readonly name: string;
  /** Good files. */
  seeds(): Promise<readonly Uint8Array[]>;
  /** Damages what lies below checksums, which are made right again; absent where there are none. */
  readonly inner?: (bytes: Uint8Array, draw: Draw) => Uint8Array;
  /** False of files whose reader makes the best of whatever is there; true if not given. */
  readonly refuses?: boolean;
  /** Reads a file; an error must name it. */
  read(bytes: Uint8Array, path: string): unknown;
}
