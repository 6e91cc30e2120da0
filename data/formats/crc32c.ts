/** Remainders of single bytes for the reversed Castagnoli polynomial. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
  return rest >>> 0;
});

/**
 * The checksum of the Castagnoli polynomial (CRC-32C, RFC 3720), which TensorFlow's record files have.
 *
 * @param bytes Any bytes.
 * @returns An unsigned 32-bit integer.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { crc32c } from "@tessera/tessera/data";
 *
 * equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
 * ```
 */
export function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = (rest >>> 8) ^ TABLE[(rest ^ byte) & 0xff]!;
  return ~rest >>> 0;
}
