/**
 * Loading this entry makes convolutions on WebGPU faster: by Winograd's method, and by windows of single channels. `tensor`
 * brings it along; a page of `core`, which computes them directly, loads it where it convolves much.
 *
 * ```ts no-assert
 * import "@tessera/tessera/convolutions";
 * import { conv2d, ones, setDefaultDevice, webgpuDevice } from "@tessera/tessera/core";
 *
 * const start = async () => {
 *   setDefaultDevice(await webgpuDevice());
 *   return await conv2d(ones([1, 8, 8, 16]), ones([3, 3, 16, 16]), { padding: "SAME" }).data();
 * };
 * ```
 *
 * @module
 */
import { bringToWebgpu } from "./devices/webgpu/brought.ts";
import { CONVOLUTION_TEXTS } from "./devices/webgpu/convolution_texts.ts";

bringToWebgpu({ convolutions: CONVOLUTION_TEXTS });
