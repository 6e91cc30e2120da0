/**
 * @file A line with a delay, where the system has none (`netem`): two interfaces, and whatever is sent into one comes out of the
 * other so many milliseconds later. Ends with its standard input, and the interfaces with it.
 *
 *     relay.ts NAME NAME MILLISECONDS
 *
 * Packets of up to 64 KiB are handed on as the sender's system has made them (TUN with offload), which takes a tenth of a core for
 * 1 Gbit/s each way instead of a whole one.
 */
// deno-lint-ignore-file no-console
const { symbols: system } = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  attach: { name: "ioctl", parameters: ["i32", "u64", "buffer"], result: "i32" },
  offload: { name: "ioctl", parameters: ["i32", "u64", "u64"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  ppoll: { parameters: ["buffer", "u64", "buffer", "pointer"], result: "i32" },
});

/** `O_RDWR | O_NONBLOCK`. */
const OPEN = 0x802;
/** `TUNSETIFF`, with `IFF_TUN | IFF_NO_PI | IFF_VNET_HDR`; `TUNSETOFFLOAD`, with checksums and segments of TCP left to others. */
const [ATTACH, KIND, OFFLOAD, LEFT] = [0x400454can, 0x5001, 0x400454d0n, 0x7n];
/** Bytes of the largest packet with its header, and how many may be on their way each way. */
const [LARGEST, MOST] = [2 ** 16 + 256, 1024];
/** `POLLIN`, and `POLLIN | POLLHUP | POLLERR | POLLNVAL`. */
const [READABLE, ENDED] = [1, 0x39];

/** Makes an interface; what is sent into it is read from the file. */
function openInterface(name: string): number {
  const request = new Uint8Array(40);
  new TextEncoder().encodeInto(name, request);
  new DataView(request.buffer).setUint16(16, KIND, true);
  const file = system.open(new TextEncoder().encode("/dev/net/tun\0"), OPEN);
  if (file < 0 || system.attach(file, ATTACH, request) < 0 || system.offload(file, OFFLOAD, LEFT) < 0) {
    throw new Error(`Cannot delay packets as /dev/net/tun must make interface ${name}: current call failed`);
  }
  return file;
}

/** One way of the line: packets that are on it, in a ring. */
function oneWay(from: number, to: number, delay: number) {
  const slots = Array.from({ length: MOST }, () => new Uint8Array(LARGEST));
  const [lengths, due] = [new Array<number>(MOST).fill(0), new Array<number>(MOST).fill(0)];
  const at = { first: 0, end: 0 };
  return {
    /** When the next one arrives. */
    next: () => at.first < at.end ? due[at.first % MOST]! : Infinity,
    take() {
      while (at.end - at.first < MOST) {
        const length = Number(system.read(from, slots[at.end % MOST]!, BigInt(LARGEST)));
        if (length <= 0) return;
        lengths[at.end % MOST] = length;
        due[at.end++ % MOST] = performance.now() + delay;
      }
    },
    give(now: number) {
      for (; at.first < at.end && due[at.first % MOST]! <= now; at.first++) {
        const slot = at.first % MOST;
        system.write(to, slots[slot]!, BigInt(lengths[slot]!));
      }
    },
  };
}

function main([one, other, delay]: readonly string[]): void {
  const [a, b] = [openInterface(one!), openInterface(other!)];
  const ways = [oneWay(a, b, Number(delay)), oneWay(b, a, Number(delay))];
  console.log("ready");
  const polled = new Int32Array(6); // struct pollfd of both interfaces and the standard input
  const [events, patience] = [new Int16Array(polled.buffer), new BigInt64Array(2)];
  for (;;) {
    [a, b, 0].forEach((file, i) => polled.set([file, READABLE], 2 * i));
    const wait = Math.min(1000, Math.max(0, Math.min(...ways.map(({ next }) => next())) - performance.now()));
    patience.set([BigInt(Math.floor(wait / 1000)), BigInt(Math.round(1e6 * (wait % 1000)))]);
    system.ppoll(polled, 3n, patience, null);
    if (events[11]! & ENDED) return;
    for (const way of ways) way.take();
    for (const way of ways) way.give(performance.now());
  }
}

main(Deno.args);
