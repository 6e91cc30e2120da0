import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { fitted, print } from "../../../spark/commands/cli/print.ts";
import { widthOf } from "../../../spark/commands/cli/wrap.ts";
import { caught } from "./command_here.ts";

const COMMAND = new URL("../../../spark/commands/pretrain/pretrain.ts", import.meta.url).pathname;

/** Runs a line of the shell in which `$DENO` is this Deno. */
async function shell(line: string) {
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", line],
    env: { DENO: Deno.execPath(), COMMAND },
  }).output();
  return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
}

Deno.test("a command whose reader has gone ends quietly, as by SIGPIPE; without room for what it says, with one line", async () => {
  const gone = "$DENO run -A $COMMAND --help | true; echo ${PIPESTATUS[0]}";
  const unheard = "$DENO run -A $COMMAND --no-such 2>/dev/full; echo $?";
  deepStrictEqual(await Promise.all([gone, unheard].map(shell)), [["141\n", ""], ["1\n", ""]]);
  const [code, said] = await shell("$DENO run -A $COMMAND --help >/dev/full; echo $?") as [string, string];
  equal(code, "1\n");
  match(
    said,
    /^Cannot write to stdout as there must be room for what is said: current error is No space left on device.*\n$/,
  );
});

Deno.test("lines are broken at words on a terminal, but for commands; elsewhere they stay", () => {
  const account = "  left out 3 of 9 files: 2 HEIC images (a/1.heic, a/2.heic), 1 PDF document";
  deepStrictEqual(fitted(account, 43).split("\n"), [
    "  left out 3 of 9 files: 2 HEIC images",
    "      (a/1.heic, a/2.heic), 1 PDF document",
  ]);
  // Numbers stay with their names and their units.
  const scores = "net of x: linear top-1 25.00 %, top-5 100.00 %; of 12 images; 75.00 % of 4, 18.5 MiB";
  for (let columns = 20; columns < 90; columns++) {
    equal(/(?:top-[15]|of)\n|\d\n +(?:%|MiB)/.test(fitted(scores, columns)), false, `${columns}`);
  }
  equal(fitted(account, undefined), account);
  equal(fitted(account, account.length + 1), account);
  const command = "Go on with: deno task pretrain --resume runs/one";
  equal(fitted(`short\n${command}`, 20), `short\n${command}`);
});

Deno.test("names of files move no cursor and turn no line around", () => {
  const stdout = caught("stdout");
  try {
    print("cat\u001b[2J/1.png\t\u202egnp\r\nnext\u009b1A");
    deepStrictEqual(stdout.lines(), ["cat?[2J/1.png\t?gnp?", "next?1A"]);
  } finally {
    stdout.release();
  }
});

Deno.test("letters of East Asia take two columns, marks none", () => {
  deepStrictEqual(["cat", "猫の写真", "e\u0301", "한국", "🐈x"].map(widthOf), [3, 8, 1, 4, 3]);
  for (const line of fitted("猫の写真 犬の写真 鳥の写真 魚の写真 馬の写真", 30).split("\n")) {
    ok(widthOf(line) < 30, line);
  }
});

Deno.test("rows of tables go on below their last column, and no number loses its unit", () => {
  const row = "       7      0.81   5.8 %     11.3  kernelMapWeightGradient of 9 taps, in two passes";
  deepStrictEqual(fitted(row, 70).split("\n"), [
    "       7      0.81   5.8 %     11.3  kernelMapWeightGradient of 9",
    `${" ".repeat(39)}taps, in two passes`,
  ]);
});
