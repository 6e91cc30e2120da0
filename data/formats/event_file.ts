/**
 * @file Event files of TensorBoard: records of length, checksum, data, checksum, whose data are protocol buffers
 * (`tensorflow/core/util/event.proto`, `summary.proto`), of which what is needed is written by hand.
 */
import { joinBytes } from "./bytes.ts";
import { crc32c } from "./crc32c.ts";

/** What happened at one step. */
export interface TensorboardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  /** Number of the step. */
  readonly step: number;
  /** Numbers by tag, such as `train/loss`. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** PNG files by tag. */
  readonly images?: Readonly<Record<string, Uint8Array>>;
}

/** A field of a message: number, and value by its wire type. */
type Field =
  | readonly [number: number, kind: "int", value: number]
  | readonly [number: number, kind: "double" | "float", value: number]
  | readonly [number: number, kind: "bytes", value: Uint8Array];

const WIRE_TYPES = { int: 0, double: 1, bytes: 2, float: 5 } as const;

/** Seven bits a byte, least significant first; the high bit says that more follow. */
function varint(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(rest % 128 + 128);
  return [...bytes, rest];
}

function payload([, kind, value]: Field): Uint8Array {
  if (kind === "int") return Uint8Array.from(varint(value));
  if (kind === "bytes") return joinBytes([Uint8Array.from(varint(value.length)), value]);
  const view = new DataView(new ArrayBuffer(kind === "double" ? 8 : 4));
  if (kind === "double") view.setFloat64(0, value, true);
  else view.setFloat32(0, value, true);
  return new Uint8Array(view.buffer);
}

function message(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  return joinBytes(fields.flatMap((field) => {
    const [number, kind] = field;
    return [Uint8Array.from(varint(number * 8 + WIRE_TYPES[kind])), payload(field)];
  }));
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Checksum as records hold it: rotated and shifted, so that checksums of checksums do not go wrong. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function record(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(data.length + 16);
  const view = new DataView(whole.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(whole.subarray(0, 8)), true);
  whole.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return whole;
}

/** A PNG file states width and height after its signature and the head of its first chunk. */
function imageMessage(png: Uint8Array): Uint8Array {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  const [width, height] = png.length < 24 ? [0, 0] : [view.getUint32(16), view.getUint32(20)];
  return message([[1, "int", height], [2, "int", width], [3, "int", 3], [4, "bytes", png]]); // 3: RGB
}

/**
 * The records with which an event file begins: its version, and that a session starts, by which TensorBoard drops what a
 * killed run wrote from that step on.
 *
 * @param start Time and first step.
 * @returns Bytes of the file so far.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { eventFileHead } from "@tessera/tessera/data";
 *
 * equal(eventFileHead({ wallTime: 0, step: 1 })[12], 0x09); // a double: wall_time
 * ```
 */
export function eventFileHead({ wallTime, step }: { readonly wallTime: number; readonly step: number }): Uint8Array<
  ArrayBuffer
> {
  const time: Field = [1, "double", wallTime];
  return joinBytes([
    record(message([time, [3, "bytes", text("brain.Event:2")]])),
    record(message([time, [2, "int", step], [7, "bytes", message([[1, "int", 1]])]])), // session_log: START
  ]);
}

/**
 * The record of an event, to be appended to an event file.
 *
 * @param event What happened.
 * @returns Bytes.
 * @throws {RangeError} If the step is no integer of 0 or more.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { eventRecord } from "@tessera/tessera/data";
 *
 * ok(eventRecord({ wallTime: 0, step: 3, scalars: { loss: 0.5 } }).length > 16);
 * ```
 */
export function eventRecord(event: TensorboardEvent): Uint8Array<ArrayBuffer> {
  const { wallTime, step, scalars = {}, images = {} } = event;
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new RangeError(`Cannot write an event as its step must be an integer of 0 or more: current step is ${step}`);
  }
  const value = (tag: string, field: Field): Field => [1, "bytes", message([[1, "bytes", text(tag)], field])];
  const values = [
    ...Object.entries(scalars).map(([tag, number]) => value(tag, [2, "float", number])),
    ...Object.entries(images).map(([tag, png]) => value(tag, [4, "bytes", imageMessage(png)])),
  ];
  return record(message([[1, "double", wallTime], [2, "int", step], [5, "bytes", message(values)]]));
}
