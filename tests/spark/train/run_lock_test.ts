import { deepStrictEqual, equal, match, throws } from "node:assert/strict";
import { kindOf } from "../../../spark/train/kind_of.ts";
import { lockFolder } from "../../../spark/train/run_lock.ts";

const OPTIONS = { operation: "resume", advice: "name another folder with --out" };
const MODULE = new URL("../../../spark/train/run_lock.ts", import.meta.url).href;

/** Takes the lock of a folder, says so or why not, and holds it until its input ends. */
const PROGRAM = `
import { lockFolder } from "${MODULE}";
try {
  lockFolder(Deno.args[0], ${JSON.stringify(OPTIONS)});
  console.log("held");
} catch (error) {
  console.log(error.message);
}
await Deno.stdin.read(new Uint8Array(1));
`;

/** Another process that tries to take the lock; its first line says how that went. */
async function other(path: string): Promise<{ readonly child: Deno.ChildProcess; readonly said: string }> {
  const script = `${path}.ts`;
  await Deno.writeTextFile(script, PROGRAM);
  const options = { stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
  const child = new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-config", script, path], ...options })
    .spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return { child, said: new TextDecoder().decode(value).trim() };
}

async function ended(child: Deno.ChildProcess): Promise<void> {
  await child.stdin.close();
  await child.stdout.cancel();
  await child.status;
}

async function withFolder(f: (path: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/run`);
    await f(`${root}/run`);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("lockFolder() refuses a second holder and names the first, in this process and in another", () =>
  withFolder(async (path) => {
    const lock = lockFolder(path, OPTIONS);
    equal(lock.before, null);
    throws(
      () => lockFolder(path, OPTIONS),
      new RegExp(
        `^Error: Cannot resume as no other process may write its folder: current folder ${path} is held by process ` +
          `${Deno.pid} on ${Deno.hostname()} since 20.*Z; wait for that, end it with kill ${Deno.pid}, or name another ` +
          "folder with --out$",
      ),
    );
    const { child, said } = await other(path);
    match(said, new RegExp(`held by process ${Deno.pid} on `));
    await ended(child);
    lock[Symbol.dispose]();
    equal(kindOf(`${path}/run.lock`), "absent");
    lockFolder(path, OPTIONS)[Symbol.dispose]();
  }));

Deno.test("lockFolder() takes over from a process that was killed, and says from which", () =>
  withFolder(async (path) => {
    const { child, said } = await other(path);
    equal(said, "held");
    throws(() => lockFolder(path, OPTIONS), new RegExp(`process ${child.pid} on`));
    child.kill("SIGKILL");
    await ended(child);
    equal(kindOf(`${path}/run.lock`), "file"); // it could not give it back
    using lock = lockFolder(path, OPTIONS);
    deepStrictEqual([lock.before!.pid, lock.before!.host], [child.pid, Deno.hostname()]);
  }));

Deno.test("lockFolder() passes over what is no lock, and refuses what cannot be one", () =>
  withFolder(async (path) => {
    for (const text of ["", "{", "[]", '{"pid": "x"}', "null"]) {
      await Deno.writeTextFile(`${path}/run.lock`, text);
      using lock = lockFolder(path, OPTIONS);
      equal(lock.before, null, text);
    }
    using _held = lockFolder(path, OPTIONS);
    await Deno.writeTextFile(`${path}/run.lock`, "");
    throws(() => lockFolder(path, OPTIONS), /held by a process that does not say which; wait for that, or name/);
  }));
