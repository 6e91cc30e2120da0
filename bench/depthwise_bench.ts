/** @file Depthwise convolutions: forward and both gradients. */
import { runKernels } from "./kernel_benchmark.ts";
import { benchConvs } from "./conv_benchmarks.ts";
import { DEPTHWISE } from "./geometries.ts";

benchConvs(DEPTHWISE);

await runKernels();
