/**
 * Purely functional tensors, explicit sparse tensors, and SparK: masked pre-training of convolutional networks.
 *
 * @module
 */
export * from "./tensor/mod.ts";
