/** @file Depthwise convolutions: forward and both gradients. */
import { benchConvs } from "./conv_benchmarks.ts";
import { DEPTHWISE } from "./geometries.ts";

benchConvs(DEPTHWISE);
