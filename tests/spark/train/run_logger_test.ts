import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { loadLogger, loggerCalls, type RunEvent } from "../../../spark/train/run_logger.ts";

const event = (step: number): RunEvent => ({ kind: "evaluation", step, scores: { loss: 1 } });

Deno.test("loggerCalls() tells in order, waits at the end, and outlives a logger that fails", async () => {
  const seen: number[] = [];
  const notes: string[] = [];
  const slow = async (told: RunEvent) => {
    if (told.kind !== "evaluation") return;
    await new Promise((resolve) => setTimeout(resolve, 10 - told.step));
    if (told.step % 2 === 1) throw new Error(`Cannot send ${told.step}`);
    seen.push(told.step);
  };
  const { tell, end } = loggerCalls(slow, (line) => notes.push(line));
  for (let step = 0; step < 5; step++) void tell(event(step));
  deepStrictEqual(seen, []);
  await end();
  deepStrictEqual(seen, [0, 2, 4]);
  deepStrictEqual(notes, ["The logger failed, the run goes on: Cannot send 1"]);
  const throwing = loggerCalls(() => {
    throw new Error("Cannot send at once");
  }, (line) => notes.push(line));
  void throwing.tell(event(0));
  await throwing.end();
  equal(notes[1], "The logger failed, the run goes on: Cannot send at once");
});

Deno.test("loadLogger() takes a module's default function, and says what is wrong with others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    await write("good.ts", "export default (event) => event.scores.loss++;");
    await write("bad.ts", "export const logger = 1;");
    await write("broken.ts", "throw new Error('no network');");
    const told = event(1);
    (await loadLogger(`${folder}/good.ts`))(told);
    deepStrictEqual(told, { kind: "evaluation", step: 1, scores: { loss: 2 } });
    await rejects(
      loadLogger(`${folder}/bad.ts`),
      /bad.ts as a logger as its default export must be a function: .* undefined/,
    );
    await rejects(loadLogger(`${folder}/broken.ts`), /broken.ts as a logger as its module must run: .* no network$/);
    await rejects(loadLogger(`${folder}/absent.ts`), /absent.ts as a logger/);
    equal((await loadLogger(undefined))(told), undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
