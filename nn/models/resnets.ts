/** @file The ResNets that have names. */
import { type Classifier, type InputOptions, requireChannels } from "./model.ts";
import { resnet } from "./resnet.ts";

/**
 * ResNet-18.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 64 to 512, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { resnet18 } from "@tessera/tessera/nn";
 *
 * equal(resnet18().channels.at(-1), 512);
 * ```
 */
export function resnet18(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("resnet18", options);
  return resnet({ inChannels, name: "resnet18", block: "basic", depths: [2, 2, 2, 2], dropPath: 0.05 });
}

/**
 * ResNet-34.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 64 to 512, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { resnet34 } from "@tessera/tessera/nn";
 *
 * equal(resnet34().channels.at(-1), 512);
 * ```
 */
export function resnet34(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("resnet34", options);
  return resnet({ inChannels, name: "resnet34", block: "basic", depths: [3, 4, 6, 3], dropPath: 0.05 });
}

/**
 * ResNet-50.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 256 to 2048, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { resnet50 } from "@tessera/tessera/nn";
 *
 * equal(resnet50().channels.at(-1), 2048);
 * ```
 */
export function resnet50(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("resnet50", options);
  return resnet({ inChannels, name: "resnet50", block: "bottleneck", depths: [3, 4, 6, 3], dropPath: 0.05 });
}

/**
 * ResNet-101.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 256 to 2048, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { resnet101 } from "@tessera/tessera/nn";
 *
 * equal(resnet101().channels.at(-1), 2048);
 * ```
 */
export function resnet101(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("resnet101", options);
  return resnet({ inChannels, name: "resnet101", block: "bottleneck", depths: [3, 4, 23, 3], dropPath: 0.08 });
}

/**
 * ResNet-152.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 256 to 2048, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { resnet152 } from "@tessera/tessera/nn";
 *
 * equal(resnet152().channels.at(-1), 2048);
 * ```
 */
export function resnet152(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("resnet152", options);
  return resnet({ inChannels, name: "resnet152", block: "bottleneck", depths: [3, 8, 36, 3], dropPath: 0.1 });
}

/**
 * ResNet-200.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 256 to 2048, strides 4 to 32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { resnet200 } from "@tessera/tessera/nn";
 *
 * equal(resnet200().channels.at(-1), 2048);
 * ```
 */
export function resnet200(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("resnet200", options);
  return resnet({ inChannels, name: "resnet200", block: "bottleneck", depths: [3, 24, 36, 3], dropPath: 0.15 });
}

/**
 * A small ResNet for images of about 100 pixels: a total stride of 16 gives them a mask grid of 6×6 and more.
 *
 * @param options Channels of the images; 3 if not given.
 * @returns Channels 32 to 256, strides 2 to 16.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 *
 * deepStrictEqual([tinyResnet().stride, tinyResnet().channels], [16, [32, 64, 128, 256]]);
 * ```
 */
export function tinyResnet(options: InputOptions = {}): Classifier {
  const inChannels = requireChannels("tinyResnet", options);
  return resnet({
    inChannels,
    name: "tiny_resnet",
    block: "basic",
    depths: [1, 1, 2, 2],
    widths: [32, 64, 128, 256],
    stemWidth: 32,
    stem: "light",
  });
}
