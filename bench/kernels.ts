/** @file All benchmarks of kernels, one file after the other: `deno task bench`. */
import "./conv2d_bench.ts";
import "./coo_bench.ts";
import "./depthwise_bench.ts";
import "./elementwise_bench.ts";
import "./matmul_bench.ts";
import "./normalisation_bench.ts";
import "./optimizer_bench.ts";
