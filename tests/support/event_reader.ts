/** @file Reads TensorBoard's event files by the definition of TFRecord and of protocol buffers, to test their writer. */

/** An event as it was read. */
export interface EventRecord {
  readonly wallTime: number;
  readonly step: number;
  readonly version: string | null;
  readonly sessionStatus: number | null;
  readonly scalars: Readonly<Record<string, number>>;
  readonly images: Readonly<
    Record<string, { readonly height: number; readonly width: number; readonly colorspace: number; png: Uint8Array }>
  >;
}

/** CRC-32C bit by bit. */
function crcByBits(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const out = (rest ^ (byte >>> bit)) & 1;
      rest = (rest >>> 1) ^ (out ? 0x82f63b78 : 0);
    }
  }
  return ~rest >>> 0;
}

function checkCrc(bytes: Uint8Array, stored: number): void {
  const unmasked = (stored - 0xa282ead8) >>> 0;
  const crc = ((unmasked >>> 17) | (unmasked << 15)) >>> 0;
  if (crc !== crcByBits(bytes)) throw new Error(`Cannot read a record as its checksum must agree: current is ${crc}`);
}

/** The fields of a message, in order: number, wire type, value. */
function* fieldsOf(bytes: Uint8Array): Generator<readonly [number, number | Uint8Array]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = () => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const head = varint();
    const [number, wire] = [Math.floor(head / 8), head % 8];
    if (wire === 0) yield [number, varint()];
    else if (wire === 1) yield [number, view.getFloat64((at += 8) - 8, true)];
    else if (wire === 5) yield [number, view.getFloat32((at += 4) - 4, true)];
    else if (wire === 2) {
      const size = varint();
      yield [number, bytes.slice(at, at += size)];
    } else throw new Error(`Cannot read a message as wire types must be 0, 1, 2 or 5: current is ${wire}`);
  }
}

function fieldMap(bytes: Uint8Array): ReadonlyMap<number, number | Uint8Array> {
  return new Map(fieldsOf(bytes));
}

const textOf = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);

function eventOf(bytes: Uint8Array): EventRecord {
  const fields = fieldMap(bytes);
  const scalars: Record<string, number> = {};
  const images: Record<string, EventRecord["images"][string]> = {};
  for (const [, summaryValue] of fields.has(5) ? fieldsOf(fields.get(5) as Uint8Array) : []) {
    const value = fieldMap(summaryValue as Uint8Array);
    const tag = textOf(value.get(1));
    if (value.has(2)) scalars[tag] = value.get(2) as number;
    if (!value.has(4)) continue;
    const image = fieldMap(value.get(4) as Uint8Array);
    const [height, width, colorspace, png] = [1, 2, 3, 4].map((n) => image.get(n)) as [
      number,
      number,
      number,
      Uint8Array,
    ];
    images[tag] = { height, width, colorspace, png };
  }
  return {
    wallTime: fields.get(1) as number,
    step: fields.get(2) as number ?? 0,
    version: fields.has(3) ? textOf(fields.get(3)) : null,
    sessionStatus: fields.has(7) ? fieldMap(fields.get(7) as Uint8Array).get(1) as number : null,
    scalars,
    images,
  };
}

/** The events of a file; an error if a record is cut off or a checksum does not agree. */
export function readEvents(file: Uint8Array): readonly EventRecord[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const events: EventRecord[] = [];
  for (let at = 0; at < file.length;) {
    if (at + 16 > file.length) throw new Error("Cannot read a record as it must be whole: current end is cut off");
    const size = Number(view.getBigUint64(at, true));
    checkCrc(file.subarray(at, at + 8), view.getUint32(at + 8, true));
    if (at + 16 + size > file.length) {
      throw new Error("Cannot read a record as it must be whole: current end is cut off");
    }
    const data = file.subarray(at + 12, at + 12 + size);
    checkCrc(data, view.getUint32(at + 12 + size, true));
    events.push(eventOf(data));
    at += 16 + size;
  }
  return events;
}
