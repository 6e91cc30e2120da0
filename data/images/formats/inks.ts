/** `a * b / 255`, rounded, as Pillow's `MULDIV255`. */
function product255(a: number, b: number): number {
  const t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

/**
 * Inks to colours, in place, as Pillow's `convert("RGB")`.
 *
 * @param data Cyan, magenta, yellow and black, each the light that it lets through: 255 where there is no ink.
 */
export function inksToColours(data: Uint8Array): void {
  for (let i = 0; i < data.length; i += 4) {
    const light = data[i + 3]!;
    for (let c = i; c < i + 3; c++) data[c] = Math.max(0, light - product255(255 - data[c]!, light));
    data[i + 3] = 255;
  }
}
