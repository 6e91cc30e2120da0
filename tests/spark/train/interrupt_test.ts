import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { interruptible, outliving } from "../../../spark/train/interrupt.ts";
import type { Progress } from "../../../spark/train/progress.ts";
import { OutputError } from "../../../spark/train/terminal.ts";

/** A display of which the second line and all after it find no reader. */
function losing(): Progress & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    show: () => {},
    note: (line) => {
      if (lines.length > 0) throw new OutputError("stdout", new Deno.errors.BrokenPipe("Broken pipe"));
      lines.push(line);
    },
    end: () => {},
  };
}

Deno.test("a run that is no longer heard is asked to end after its step, and is not thrown out of it", async () => {
  const display = losing();
  const progress = outliving(display);
  const seen = await interruptible(progress, (interrupted) => {
    const before = ["a", "b", "c"].map((line) => (progress.note(line), interrupted()));
    return Promise.resolve(before);
  });
  deepStrictEqual([seen, display.lines], [[false, true, true], ["a"]]);
});

Deno.test("what a display throws beside is passed on; a full disk is no reader that has gone", () => {
  const display: Progress = {
    show: () => {},
    note: () => {
      throw new RangeError("else");
    },
    end: () => {},
  };
  throws(() => outliving(display).note("x"), RangeError);
  equal(new OutputError("stdout", new Error("No space left on device")).isClosed, false);
  equal(new OutputError("stdout", new Deno.errors.BrokenPipe("Broken pipe")).isClosed, true);
});
