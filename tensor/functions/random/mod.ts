/**
 * Random numbers as pure functions of a key: Threefry-2x32, the bits of `jax.random` (partitionable).
 *
 * ```ts
 * import * as random from "@tessera/tessera/random"; // or: import { random } from "@tessera/tessera/tensor"
 *
 * const [weights, noise] = random.split(random.key(0));
 * random.normal(weights, [3, 4]);
 * random.uniform(noise, [8]);
 * ```
 *
 * @module
 */
export { foldIn, key, type Keys, split } from "./keys.ts";
export { bits, type StreamOptions } from "./bits.ts";
export { bernoulli, uniform, type UniformOptions, unitOf } from "./uniform.ts";
export { normal, truncatedNormal, type TruncatedNormalOptions } from "./normal.ts";
export { permutation, type PermutationOptions } from "./permutation.ts";
export { threefry } from "./rounds.ts";
export { threefryWords } from "./words.ts";
export { randint } from "./randint.ts";
export { categorical, type CategoricalOptions, choice, type ChoiceOptions, gumbel } from "./choices.ts";
export { beta, exponential, gamma } from "./waiting.ts";
