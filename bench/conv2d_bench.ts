/** @file The convolutions of ResNet-50, ConvNeXt-S and the decoder: forward and both gradients. */
import { runKernels } from "./kernel_benchmark.ts";
import { benchConvs } from "./conv_benchmarks.ts";
import { CONVNEXT_SMALL, DECODER, RESNET50 } from "./geometries.ts";

benchConvs([...RESNET50, ...CONVNEXT_SMALL, ...DECODER]);

await runKernels();
