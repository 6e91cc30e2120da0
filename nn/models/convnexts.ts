/** @file The ConvNeXts that have names. */
import { convnext } from "./convnext.ts";
import { type Classifier, type InputOptions, requireChannels } from "./model.ts";

/**
 * ConvNeXt-Tiny.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 96 to 768, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { convnextTiny } from "@tessera/tessera/nn";
 *
 * equal(convnextTiny().channels.at(-1), 768);
 * ```
 */
export function convnextTiny(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("convnextTiny", options);
  return convnext({
    inChannels,
    name: "convnext_tiny",
    depths: [3, 3, 9, 3],
    dims: [96, 192, 384, 768],
    dropPath: 0.1,
  });
}

/**
 * ConvNeXt-Small.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 96 to 768, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { convnextSmall } from "@tessera/tessera/nn";
 *
 * equal(convnextSmall().channels.at(-1), 768);
 * ```
 */
export function convnextSmall(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("convnextSmall", options);
  return convnext({
    inChannels,
    name: "convnext_small",
    depths: [3, 3, 27, 3],
    dims: [96, 192, 384, 768],
    dropPath: 0.2,
  });
}

/**
 * ConvNeXt-Base.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 128 to 1024, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { convnextBase } from "@tessera/tessera/nn";
 *
 * equal(convnextBase().channels.at(-1), 1024);
 * ```
 */
export function convnextBase(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("convnextBase", options);
  return convnext({
    inChannels,
    name: "convnext_base",
    depths: [3, 3, 27, 3],
    dims: [128, 256, 512, 1024],
    dropPath: 0.3,
  });
}

/**
 * ConvNeXt-Large.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 192 to 1536, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { convnextLarge } from "@tessera/tessera/nn";
 *
 * equal(convnextLarge().channels.at(-1), 1536);
 * ```
 */
export function convnextLarge(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("convnextLarge", options);
  return convnext({
    inChannels,
    name: "convnext_large",
    depths: [3, 3, 27, 3],
    dims: [192, 384, 768, 1536],
    dropPath: 0.4,
  });
}
