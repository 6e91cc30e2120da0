import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import { tarEntries, TarError, type TarOptions } from "../../../data/formats/tar.ts";
import { withFolder } from "../support.ts";
import { gzipped, joined, tarHeader, tarOf, type TarPart } from "./tar_support.ts";

const text = (value: string) => new TextEncoder().encode(value);

/** Paths and contents of an archive. */
async function filesOf(path: string, options: TarOptions = {}): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of tarEntries(path, options)) found[entry.path] = new TextDecoder().decode(await entry.read());
  return found;
}

const GOLDEN: Record<string, { gzip: string; files: Record<string, string> }> = JSON.parse(
  await Deno.readTextFile(new URL("../../golden/tar.json", import.meta.url)),
);

for (const [kind, { gzip, files }] of Object.entries(GOLDEN)) {
  Deno.test(`tarEntries() reads Python's ${kind} archives, plain and gzip, and offsets are right`, async () => {
    const packed = new Uint8Array(Buffer.from(gzip, "base64"));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const plain = new Uint8Array(await new Response(stream).arrayBuffer());
    await withFolder({ "a.tar": plain, "a.tar.gz": packed }, async (path) => {
      deepStrictEqual(await filesOf(`${path}/a.tar`), files);
      deepStrictEqual(await filesOf(`${path}/a.tar.gz`), files);
      for (const name of ["a.tar", "a.tar.gz"]) {
        for await (const { path: file, offset, size } of tarEntries(`${path}/${name}`)) { // read() is not called
          equal(new TextDecoder().decode(plain.subarray(offset, offset + size)), files[file]);
        }
      }
    });
  });
}

/** Archives that are refused, and how. */
const HOSTILE: Readonly<Record<string, readonly [readonly TarPart[] | Uint8Array<ArrayBuffer>, RegExp, TarOptions?]>> =
  {
    "a path with ..": [[{ path: "a/../../b.jpg" }], /must be relative.*current path is "a\/\.\.\/\.\.\/b\.jpg"/],
    "an absolute path": [[{ path: "/etc/passwd" }], /must be relative.*current path is "\/etc\/passwd"/],
    "control characters": [[{ path: "a\nb.jpg" }], /control characters: current path is "a\\nb\.jpg"/],
    "no name": [[{ path: "" }], /current path is ""/],
    "a size beyond the archive": [
      [{ path: "big.jpg", size: 2 ** 30 }],
      /must have at most 268435456 bytes: current big\.jpg tells 1073741824/,
    ],
    "a size beyond the archive, below the bound": [
      [{ path: "big.jpg", size: 1e8 }],
      /current big\.jpg tells 100000000/,
    ],
    "a size that is no number": [[{ path: "a.jpg", size: "9abc" }], /sizes must be numbers/],
    "a negative size": [[{ path: "a.jpg", size: "-1" }], /sizes must be numbers/],
    "a sparse file": [[{ path: "a.jpg", type: "S" }], /current a\.jpg is a sparse file/],
    "a huge attribute": [[{ path: "x", type: "x", size: 2 ** 24 }], /at most 1 MiB: current ones have 16777216/],
    "a malformed attribute": [[{ path: "x", type: "x", bytes: text("99 path=a\n") }], /pax headers must be records/],
    "a pax size that is no number": [[{ path: "x", type: "x", bytes: text("11 size=-1\n") }], /pax headers must be/],
    "a pax path with ..": [
      [{ path: "x", type: "x", bytes: text("11 path=..\n") }, { path: "a.jpg" }],
      /current path is "\.\."/,
    ],
    "no end": [joined([tarHeader({ path: "a.jpg" })]), /must end with a block of zeros.*after 512 bytes/],
    "nothing": [new Uint8Array(0), /after 0 bytes/],
    "another format": [text("PK\x03\x04".padEnd(2000, "x")), /checksum.*at byte 0, it is damaged or of another format/],
    "too many entries": [[{ path: "a" }, { path: "b" }, { path: "c" }], /at most 2 entries/, { maxEntries: 2 }],
    "too many bytes": [[{ path: "a", bytes: new Uint8Array(5000) }], /at most 4096 bytes unpacked/, { maxBytes: 4096 }],
  };

for (const [name, [parts, message, options]] of Object.entries(HOSTILE)) {
  Deno.test(`tarEntries() refuses ${name}`, async () => {
    const plain = parts instanceof Uint8Array ? parts : tarOf(parts);
    await withFolder({ "a.tar": plain, "a.tar.gz": await gzipped(plain) }, async (path) => {
      for (const file of [`${path}/a.tar`, `${path}/a.tar.gz`]) {
        await rejects(filesOf(file, options), (error: Error) => {
          ok(error instanceof TarError, String(error));
          ok(error.message.startsWith(`Cannot read ${file} as a tar archive as `), error.message);
          match(error.message, message);
          return true;
        });
      }
    });
  });
}

Deno.test("tarEntries() refuses a bomb before it has unpacked it", async () => {
  const bomb = await gzipped(tarOf([{ path: "a.jpg", bytes: new Uint8Array(2 ** 23) }]));
  await withFolder({ "a.tar.gz": bomb }, async (path) => {
    await rejects(filesOf(`${path}/a.tar.gz`, { maxBytes: 2 ** 20 }), /at most 1048576 bytes unpacked/);
  });
});

Deno.test("tarEntries() never crashes and never returns other bytes where an archive was changed or cut", async () => {
  const plain = tarOf([{ path: "a/1.txt", bytes: text("one") }, { path: "b/2.txt", bytes: text("two".repeat(300)) }]);
  const packed = await gzipped(plain);
  await withFolder({}, async (path) => {
    let refused = 0;
    for (let i = 0; i < 400; i++) {
      const draw = drawsOf(dataKey(i));
      const whole = i % 2 ? packed : plain;
      const bytes = whole.slice(0, draw() < 0.3 ? Math.floor(draw() * whole.length) : whole.length);
      for (let k = 0; k < 1 + 3 * draw(); k++) bytes[Math.floor(draw() * bytes.length)] = Math.floor(draw() * 256);
      await Deno.writeFile(`${path}/a.tar`, bytes);
      try {
        await filesOf(`${path}/a.tar`);
      } catch (error) {
        ok(error instanceof TarError, String(error));
        refused++;
      }
    }
    ok(refused > 200, `${refused}`);
  });
});
