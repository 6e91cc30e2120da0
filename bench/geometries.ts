/** @file Sizes of products and convolutions that decide training steps, shared by the benchmarks and the comparison with other libraries. */

/** A product `[rows, inner] × [inner, columns]`. */
export interface MatmulGeometry {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

/** A convolution of square images with square kernels, the same padding on all sides. */
export interface ConvGeometry {
  readonly batch: number;
  /** Height and width of the input. */
  readonly size: number;
  readonly channels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** 1, or as many as channels. */
  readonly groups: number;
}

/** Height and width of a convolution's output. */
export function convolutionOutput({ size, kernel, stride, padding }: Omit<ConvGeometry, "groups">): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1;
}

/** Name of a product. */
export function matmulName({ rows, inner, columns }: MatmulGeometry): string {
  return rows === inner && inner === columns ? `matmul ${rows}³` : `matmul ${rows}×${inner}×${columns}`;
}

/** Name of a convolution. */
export function convName({ batch, size, channels, outChannels, kernel, stride, groups }: ConvGeometry): string {
  const kind = groups === 1 ? `${channels}→${outChannels}` : `depthwise ${channels}`;
  return `${kernel}×${kernel}/${stride} ${kind} at ${size}², batch ${batch}`;
}

/** Operations of a product. */
export function matmulFlops({ rows, inner, columns }: MatmulGeometry): number {
  return 2 * rows * inner * columns;
}

/** Operations of a convolution, and of each of its gradients, padding included. */
export function convFlops(geometry: ConvGeometry): number {
  const { batch, channels, outChannels, kernel, groups } = geometry;
  return 2 * batch * convolutionOutput(geometry) ** 2 * outChannels * kernel ** 2 * channels / groups;
}

type ConvRow = readonly [
  batch: number,
  size: number,
  channels: number,
  outChannels: number,
  kernel: number,
  stride: number,
  padding: number,
];

function dense([batch, size, channels, outChannels, kernel, stride, padding]: ConvRow): ConvGeometry {
  return { batch, size, channels, outChannels, kernel, stride, padding, groups: 1 };
}

function depthwise(size: number, channels: number, kernel: number): ConvGeometry {
  const padding = (kernel - 1) / 2;
  return { batch: 8, size, channels, outChannels: channels, kernel, stride: 1, padding, groups: channels };
}

/** Square products, those of ConvNeXt-S on packed rows, and a classifier's. */
export const MATMULS: readonly MatmulGeometry[] = [
  { rows: 512, inner: 512, columns: 512 },
  { rows: 1024, inner: 1024, columns: 1024 },
  { rows: 10_240, inner: 96, columns: 384 },
  { rows: 640, inner: 384, columns: 1536 },
  { rows: 640, inner: 1536, columns: 384 },
  { rows: 8, inner: 2048, columns: 1000 },
];

/** ResNet-50 at 224: stem, the four 3×3, two stride-2 3×3, 1×1 in both directions, a projection. */
export const RESNET50: readonly ConvGeometry[] = ([
  [8, 224, 3, 64, 7, 2, 3],
  [8, 56, 64, 64, 3, 1, 1],
  [8, 28, 128, 128, 3, 1, 1],
  [8, 14, 256, 256, 3, 1, 1],
  [8, 7, 512, 512, 3, 1, 1],
  [8, 56, 128, 128, 3, 2, 1],
  [8, 28, 256, 256, 3, 2, 1],
  [8, 56, 256, 64, 1, 1, 0],
  [8, 56, 64, 256, 1, 1, 0],
  [8, 56, 256, 512, 1, 2, 0],
] as const).map(dense);

/** ConvNeXt-S at 224, but for its depthwise ones: stem and a downsampling layer. */
export const CONVNEXT_SMALL: readonly ConvGeometry[] = ([
  [8, 224, 3, 96, 4, 4, 0],
  [8, 56, 96, 192, 2, 2, 0],
] as const).map(dense);

/** The decoder of width 768: 3×3 at each scale, and the convolutions whose input gradients are its transposed ones. */
export const DECODER: readonly ConvGeometry[] = ([
  [8, 14, 768, 768, 3, 1, 1],
  [8, 28, 384, 384, 3, 1, 1],
  [8, 56, 192, 192, 3, 1, 1],
  [8, 112, 96, 96, 3, 1, 1],
  [8, 224, 48, 48, 3, 1, 1],
  [8, 14, 768, 768, 4, 2, 1],
  [8, 56, 192, 192, 4, 2, 1],
  [8, 224, 48, 48, 4, 2, 1],
] as const).map(dense);

/** Depthwise convolutions: ConvNeXt-S's four, and 3×3. */
export const DEPTHWISE: readonly ConvGeometry[] = [
  depthwise(56, 96, 7),
  depthwise(28, 192, 7),
  depthwise(14, 384, 7),
  depthwise(7, 768, 7),
  depthwise(56, 96, 3),
  depthwise(14, 384, 3),
];

/** What is also run in other libraries. */
export const PEER_MATMULS: readonly MatmulGeometry[] = MATMULS.slice(0, 2);

/** What is also run in other libraries. */
export const PEER_CONVS: readonly ConvGeometry[] = [
  dense([8, 56, 64, 64, 3, 1, 1]),
  dense([8, 14, 256, 256, 3, 1, 1]),
  dense([8, 56, 128, 128, 3, 2, 1]),
  dense([8, 56, 256, 64, 1, 1, 0]),
  depthwise(56, 96, 7),
];
