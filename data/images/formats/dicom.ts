import type { ImageFormat, ImageSize } from "../image_format.ts";
import type { Raster } from "../raster.ts";
import { decimalOf, type DicomElements, readDicom, shortOf, textOf } from "./dicom_elements.ts";
import { hasText, viewOf } from "./head.ts";

const [SAMPLES, PHOTOMETRIC, PLANAR, ROWS, COLUMNS] = [0x00280002, 0x00280004, 0x00280006, 0x00280010, 0x00280011];
const [ALLOCATED, STORED, SIGNED] = [0x00280100, 0x00280101, 0x00280103];
const [CENTER, WIDTH, INTERCEPT, SLOPE] = [0x00281050, 0x00281051, 0x00281052, 0x00281053];
const PIXELS = 0x7fe00010;

/** Values of grey of the first frame, in the unit that slope and intercept give. */
function greyValues(elements: DicomElements, at: number, count: number): Float32Array<ArrayBuffer> {
  const { bytes, little } = elements;
  const [bits, stored, signed] = [
    shortOf(elements, ALLOCATED)!,
    shortOf(elements, STORED) ?? 16,
    shortOf(elements, SIGNED),
  ];
  const [slope, intercept] = [decimalOf(elements, SLOPE) ?? 1, decimalOf(elements, INTERCEPT) ?? 0];
  const view = viewOf(bytes);
  // Bits above those that are stored mean nothing; the sign is the highest stored one.
  const rest = 32 - Math.min(stored, bits);
  return Float32Array.from({ length: count }, (_, i) => {
    const raw = bits === 8 ? view.getUint8(at + i) : view.getUint16(at + 2 * i, little);
    const value = signed === 1 ? raw << rest >> rest : (raw << rest) >>> rest;
    return value * slope + intercept;
  });
}

/** Values that the file says are to be shown black and white. */
function windowOf(elements: DicomElements): readonly [number, number] | undefined {
  const [center, width] = [decimalOf(elements, CENTER), decimalOf(elements, WIDTH)];
  if (center === undefined || width === undefined || width < 1) return undefined;
  return [center - width / 2, center + width / 2];
}

function inverted({ data, range }: Raster): readonly [number, number] {
  if (range) return [range[1], range[0]];
  const values = data as Float32Array;
  const [low, high] = values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  return low < high ? [high, low] : [low + 1, low];
}

function decode(bytes: Uint8Array): Raster {
  const elements = readDicom(bytes);
  const [height, width] = [shortOf(elements, ROWS) ?? 0, shortOf(elements, COLUMNS) ?? 0];
  const channels = shortOf(elements, SAMPLES) ?? 1;
  const bits = shortOf(elements, ALLOCATED) ?? 0;
  const photometric = textOf(elements, PHOTOMETRIC) ?? "";
  const place = elements.places.get(PIXELS);
  const count = width * height * channels;
  if (!["MONOCHROME1", "MONOCHROME2", "RGB"].includes(photometric) || channels !== (photometric === "RGB" ? 3 : 1)) {
    throw new Error(`Cannot decode as pixels must be MONOCHROME1, MONOCHROME2 or RGB: current ones are ${photometric}`);
  }
  if (bits !== 8 && (bits !== 16 || channels === 3)) {
    throw new Error(`Cannot decode as values must have 8 or 16 bits (colours 8): current number is ${bits}`);
  }
  if (!place || place.at + count * bits / 8 > bytes.length || count * bits / 8 > place.size) {
    throw new Error(`Cannot decode as its pixels must be whole: current file has ${place?.size ?? 0} bytes of them`);
  }
  if (channels === 3) {
    const data = bytes.slice(place.at, place.at + count);
    return { width, height, channels, data: shortOf(elements, PLANAR) === 1 ? fromPlanes(data) : data };
  }
  const range = windowOf(elements);
  const grey: Raster = {
    width,
    height,
    channels,
    data: greyValues(elements, place.at, count),
    ...(range ? { range } : {}),
  };
  return photometric === "MONOCHROME1" ? { ...grey, range: inverted(grey) } : grey;
}

function fromPlanes(planes: Uint8Array): Uint8Array {
  const count = planes.length / 3;
  return Uint8Array.from(planes, (_, i) => planes[i % 3 * count + Math.floor(i / 3)]!);
}

function measure(bytes: Uint8Array): ImageSize | null {
  const elements = readDicom(bytes, { partial: true });
  const [height, width] = [shortOf(elements, ROWS), shortOf(elements, COLUMNS)];
  return height === undefined || width === undefined ? null : { width, height, pixelBytes: 12 };
}

/**
 * DICOM without compression: grey of 8 and 16 bits with slope, intercept and window, and 8-bit colours; the first frame.
 */
export const DICOM: ImageFormat = {
  name: "DICOM",
  endings: [".dcm", ".dicom"],
  isArray: true,
  sniff: (bytes) => hasText(bytes, 128, "DICM"),
  measure,
  decode,
};
