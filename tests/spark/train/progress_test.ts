import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { duration, openProgress, standingBar, standingLine, waitOn } from "../../../spark/train/progress.ts";

const STANDING = { step: 50, total: 200, loss: 0.98765, imagesPerSecond: 21.04, secondsLeft: 125 };

/** An output that remembers what it was given. */
function recorder(isTerminal: boolean) {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  return { written, output: { isTerminal, columns: () => 80, line: write, raw: write } };
}

Deno.test("duration() writes minutes, and hours where there are any", () => {
  deepStrictEqual([0, 5.4, 65, 7200, Infinity].map(duration), ["0:00", "0:05", "1:05", "2:00:00", "?"]);
});

Deno.test("standingLine() tells step, loss, speed and time left", () => {
  equal(standingLine(STANDING), "step  50/200  loss 0.9877  21.0 images/s  2:05 left");
});

Deno.test("standingBar() fills the share that is done and never breaks the line", () => {
  const bar = standingBar(STANDING, 120);
  ok(bar.startsWith(`[${"#".repeat(10)}${".".repeat(30)}] step`));
  for (const columns of [1, 20, 55, 60, 80, 200]) ok(standingBar(STANDING, columns).length <= columns - 1);
});

Deno.test("openProgress() writes over one line in a terminal", () => {
  const { written, output } = recorder(true);
  const progress = openProgress(output, () => 0);
  progress.show(STANDING);
  progress.note("saved");
  progress.end();
  ok(written[0]!.startsWith("\r[") && written[0]!.endsWith("\x1b[K"));
  // Where a line has taken the bar's place, no empty one follows.
  deepStrictEqual(written.slice(1), ["\r\x1b[2K", "saved", ""]);
  progress.note("again");
  progress.show(STANDING);
  progress.end();
  deepStrictEqual([written[4], written.at(-1)], ["again", "\n"]);
});

Deno.test("openProgress() writes few plain lines elsewhere: each twentieth, and every ten seconds", () => {
  const { written, output } = recorder(false);
  const progress = openProgress(output, () => 0);
  for (let step = 1; step <= 200; step++) progress.show({ ...STANDING, step });
  equal(written.length, 21);
  equal(written.some((line) => line.includes("\x1b")), false);

  const slow = recorder(false);
  const clock = { now: 0 };
  const slowly = openProgress(slow.output, () => clock.now);
  for (let step = 1; step <= 10; step++) {
    slowly.show({ ...STANDING, step, total: 1e6 });
    clock.now += 6000;
  }
  equal(slow.written.length, 5);
});

Deno.test("waitOn() writes a line that goes, in terminals alone", () => {
  const { written, output } = recorder(true);
  {
    using waiting = waitOn(output, "Plans and compiles the step …");
    waiting[Symbol.dispose]();
  }
  deepStrictEqual(written, ["\rPlans and compiles the step …\x1b[K", "\r\x1b[2K"]);
  const log = recorder(false);
  waitOn(log.output, "Plans …")[Symbol.dispose]();
  deepStrictEqual(log.written, []);
});
