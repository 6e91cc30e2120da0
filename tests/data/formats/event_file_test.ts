import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { crc32c, encodePng, eventFileHead, eventRecord } from "../../../data/mod.ts";
import { type EventRecord, readEvents } from "../../support/event_reader.ts";

Deno.test("crc32c() has the checksums of RFC 3720", () => {
  equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
  equal(crc32c(new Uint8Array(0)), 0);
});

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

Deno.test("an event file reads back by the format's definition, checksums included", () => {
  const png = encodePng({ width: 3, height: 2, channels: 3, data: new Uint8Array(18) });
  const file = joined([
    eventFileHead({ wallTime: 12.5, step: 7 }),
    eventRecord({ wallTime: 13, step: 300, scalars: { "pt_train_loss/loss": 0.25, "größe": -1e-3 } }),
    eventRecord({ wallTime: 14, step: 2 ** 40, images: { picture: png } }),
    eventRecord({ wallTime: 15, step: 0, scalars: { nan: NaN } }),
  ]);
  const events = readEvents(file);
  const plain: EventRecord = { wallTime: 0, step: 0, version: null, sessionStatus: null, scalars: {}, images: {} };
  deepStrictEqual(events, [
    { ...plain, wallTime: 12.5, version: "brain.Event:2" },
    { ...plain, wallTime: 12.5, step: 7, sessionStatus: 1 },
    { ...plain, wallTime: 13, step: 300, scalars: { "pt_train_loss/loss": 0.25, "größe": Math.fround(-1e-3) } },
    { ...plain, wallTime: 14, step: 2 ** 40, images: { picture: { height: 2, width: 3, colorspace: 3, png } } },
    { ...plain, wallTime: 15, scalars: { nan: NaN } },
  ]);
});

Deno.test("the reader of the test sees a byte that is wrong, wherever it is", () => {
  const file = eventRecord({ wallTime: 13, step: 300, scalars: { loss: 0.25 } });
  for (let at = 0; at < file.length; at++) {
    const bent = file.slice();
    bent[at] = bent[at]! ^ 0x10;
    throws(() => readEvents(bent), /Cannot read/, `byte ${at}`);
  }
  ok(readEvents(file).length === 1);
});

Deno.test("eventRecord() refuses steps that are no counts", () => {
  for (const step of [-1, 0.5, NaN]) throws(() => eventRecord({ wallTime: 0, step }), /step must be an integer/);
});
