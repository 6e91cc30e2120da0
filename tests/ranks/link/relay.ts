/** @file Carries frames from one network interface to another and back, each a while after it came: latency without netem. */
import { DELAY, ENDS } from "./network.ts";

/** Of packet(7) and socket(2). */
const [AF_PACKET, SOCK_RAW_NONBLOCK, ETH_P_ALL, OUTGOING] = [17, 3 | 0o4000, 0x0300, 4] as const;
/** Longest frame. */
const MOST = 9100;
/** Milliseconds of a sleep when nothing is due. */
const NAP = 0.1;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  recvfrom: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"], result: "isize" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
});

/** Opens an interface: all frames that come in. */
function open(name: string): number {
  const address = new Uint8Array(20); // struct sockaddr_ll
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL, true);
  view.setUint32(4, libc.if_nametoindex(new TextEncoder().encode(`${name}\0`)), true);
  const socket = libc.socket(AF_PACKET, SOCK_RAW_NONBLOCK, ETH_P_ALL);
  if (socket < 0 || libc.bind(socket, address, address.length) < 0) throw new Error(`Cannot open ${name}`);
  return socket;
}

/** Frames on their way, in the order in which they came. */
interface Way {
  readonly from: number;
  readonly to: number;
  readonly frames: { readonly bytes: Uint8Array<ArrayBuffer>; readonly due: number }[];
}

const [first, second] = ENDS.map(open) as [number, number];
const ways: readonly Way[] = [{ from: first, to: second, frames: [] }, { from: second, to: first, frames: [] }];
const [frame, sender, length] = [new Uint8Array(MOST), new Uint8Array(20), new Uint32Array([20])];
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Takes in what has come; true if there was anything. */
function takeIn({ from, frames }: Way): boolean {
  const due = performance.now() + DELAY;
  let any = false;
  for (;;) {
    length[0] = 20;
    const size = Number(libc.recvfrom(from, frame, BigInt(MOST), 0, sender, length));
    if (size <= 0) return any;
    any = true;
    if (sender[10] !== OUTGOING) frames.push({ bytes: frame.slice(0, size), due });
  }
}

/** Sends what is due; true if there was anything. */
function sendOn({ to, frames }: Way): boolean {
  const now = performance.now();
  let sent = 0;
  while (sent < frames.length && frames[sent]!.due <= now) {
    const { bytes } = frames[sent]!;
    if (Number(libc.send(to, bytes, BigInt(bytes.length), 0)) < 0) break; // its queue is full: later
    sent++;
  }
  frames.splice(0, sent);
  return sent > 0;
}

for (;;) {
  const busy = ways.map((way) => [takeIn(way), sendOn(way)]).flat().some((one) => one);
  if (!busy) Atomics.wait(sleeper, 0, 0, NAP);
}
