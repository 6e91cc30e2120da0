import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { openCount } from "../../../spark/train/count_progress.ts";

function recorder(isTerminal: boolean) {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  const clock = { now: 0 };
  const output = { isTerminal, columns: () => 40, line: write, raw: write };
  return { written, clock, progress: openCount(output, () => clock.now) };
}

Deno.test("openCount() says nothing of what takes less than three seconds", () => {
  for (const isTerminal of [true, false]) {
    const { written, clock, progress } = recorder(isTerminal);
    for (let i = 1; i <= 29; i++) {
      progress.show("images", i, 29);
      clock.now += 100;
    }
    progress.end();
    deepStrictEqual(written, []);
  }
});

Deno.test("openCount() writes a line every ten seconds in logs, and over one line in a terminal that never breaks", () => {
  const log = recorder(false);
  for (let i = 1; i <= 30; i++) {
    log.clock.now += 1000;
    log.progress.show("images", i, 30);
  }
  deepStrictEqual(log.written, [
    "images  4/30  1.3/s  0:20 left", // the clock starts with the first image
    "images 14/30  1.1/s  0:15 left",
    "images 24/30  1.0/s  0:06 left",
  ]);
  const terminal = recorder(true);
  for (let i = 1; i <= 30; i++) {
    terminal.clock.now += 1000;
    terminal.progress.show("a long name of what is counted", i, 30);
  }
  equal(terminal.written.length, 27);
  ok(terminal.written.every((text) => text.startsWith("\r") && text.endsWith("\x1b[K") && text.length <= 4 + 39));
  terminal.progress.note("Skips a.png");
  terminal.progress.end(); // the line has gone already
  deepStrictEqual(terminal.written.slice(-2), ["\r\x1b[2K", "Skips a.png"]);
  terminal.progress.show("a long name of what is counted", 30, 30);
  terminal.progress.end();
  equal(terminal.written.at(-1), "\r\x1b[2K");
});
