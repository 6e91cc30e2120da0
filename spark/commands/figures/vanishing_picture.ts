/** @file The figure of vanishing masks, as SVG and as PNG. */
import { imageGrid, type Pixels } from "../../../data/mod.ts";
import type { MaskRows } from "../shared/mask_file.ts";
import { type Series, shareOf } from "./vanishing.ts";

/** Side of a picture; maps of 56, 28, 14 and 7 positions fill it evenly. */
const SIDE = 112;
const STEP = SIDE + 14;
const LEFT = 78;
const TOP = 96;
const ACTIVE = [31, 59, 99] as const;
const EMPTY = [236, 238, 241] as const;

const TEXT = [
  "Where a map is not zero (dark), and the share of its positions. Each dense convolution carries values from visible",
  "positions into masked ones, so that after a few of them nothing tells where the mask was. Sparse convolution",
  "computes at visible positions alone: the mask is as it was at every depth.",
];

const hex = (colour: readonly number[]): string =>
  `#${colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;

/** Runs of active positions, as one path. */
function path(map: MaskRows, x: number, y: number): string {
  const size = SIDE / map.length;
  return map.flatMap((row, r) =>
    runsOf(row).map(([from, to]) => {
      const width = (to - from) * size;
      return `M${x + from * size} ${y + r * size}h${width}v${size}h${-width}z`;
    })
  ).join("");
}

function runsOf(row: readonly number[]): readonly (readonly [from: number, to: number])[] {
  const starts = row.flatMap((cell, i) => cell !== 0 && !row[i - 1] ? [i] : []);
  return starts.map((from) => {
    const end = row.indexOf(0, from);
    return [from, end < 0 ? row.length : end] as const;
  });
}

function cell(map: MaskRows, x: number, y: number): string {
  const share = `${(100 * shareOf(map)).toFixed(0)} %`;
  return `<rect x="${x}" y="${y}" width="${SIDE}" height="${SIDE}" fill="${hex(EMPTY)}"/>` +
    `<path d="${path(map, x, y)}" fill="${hex(ACTIVE)}"/>` +
    `<text x="${x + SIDE / 2}" y="${y + SIDE + 14}" text-anchor="middle" fill="#555">${share}</text>`;
}

const BLOCK = 2 * (SIDE + 26) + 62;

function block({ title, labels, dense, sparse }: Series, top: number): string {
  const rows = [["dense", dense], ["sparse", sparse]] as const;
  const y = (row: number) => top + 44 + row * (SIDE + 26);
  return [
    `<text x="16" y="${top + 8}" font-size="14" font-weight="600">${title}</text>`,
    ...labels.map((label, i) =>
      `<text x="${LEFT + i * STEP + SIDE / 2}" y="${top + 36}" text-anchor="middle">${label}</text>`
    ),
    ...rows.flatMap(([name, maps], row) => [
      `<text x="16" y="${y(row) + SIDE / 2}">${name}</text>`,
      ...maps.map((map, i) => cell(map, LEFT + i * STEP, y(row))),
    ]),
  ].join("\n");
}

/**
 * Draws the figure.
 *
 * @param series What is shown, one below the other; all with as many depths.
 * @returns An SVG file that stands on its own.
 */
export function vanishingSvg(series: readonly Series[]): string {
  const width = LEFT + STEP * Math.max(...series.map(({ labels }) => labels.length)) + 2;
  const height = TOP + BLOCK * series.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="#222">
<rect width="${width}" height="${height}" fill="white"/>
<text x="16" y="28" font-size="16" font-weight="bold">The pattern of a mask vanishes in dense convolutions</text>
${TEXT.map((line, i) => `<text x="16" y="${48 + 16 * i}" fill="#444">${line}</text>`).join("\n")}
${series.map((one, i) => block(one, TOP + 22 + i * BLOCK)).join("\n")}
</svg>
`;
}

function pixels(map: MaskRows): Pixels {
  const size = SIDE / map.length;
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const active = map[Math.floor(Math.floor(i / SIDE) / size)]![Math.floor((i % SIDE) / size)] !== 0;
    data.set(active ? ACTIVE : EMPTY, i * 3);
  }
  return { width: SIDE, height: SIDE, channels: 3, data };
}

/**
 * Draws the pictures of the figure without words: two rows for each series, dense and sparse, a column for each depth.
 *
 * @param series What is shown.
 * @returns A PNG file.
 */
export function vanishingPng(series: readonly Series[]): Uint8Array<ArrayBuffer> {
  return imageGrid(series.flatMap(({ dense, sparse }) => [dense.map(pixels), sparse.map(pixels)]), { gutter: 8 });
}
