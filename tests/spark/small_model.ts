/** @file A network of a few channels, for commands on devices that take long to compile: `--model tests/spark/small_model.ts`. */
import { type Classifier, resnet } from "../../nn/mod.ts";

export default (): Classifier =>
  resnet({ name: "small", block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" });
export const recipe = { inputSize: [32, 32], decoderWidth: 8 } as const;
