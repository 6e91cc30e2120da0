import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { findCheckpoint, newRunPath, openRunFolder, runFolder } from "../../../spark/train/run_folder.ts";

function withFolder(f: (path: string) => void): void {
  const path = Deno.makeTempDirSync();
  try {
    f(path);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

Deno.test("runFolder() names files below the folder", () => {
  equal(runFolder("runs/a/").checkpoint, "runs/a/last.safetensors");
  equal(runFolder("runs/a").picture(12), "runs/a/reconstructions/step_000012.png");
  equal(newRunPath("tiny_resnet", new Date(0)), "runs/tiny_resnet-1970-01-01T000000");
});

Deno.test("openRunFolder() makes the folder, and refuses one that holds another run", () =>
  withFolder((path) => {
    const folder = runFolder(`${path}/a/b`);
    openRunFolder(folder, { resume: false });
    openRunFolder(folder, { resume: false });
    deepStrictEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["reconstructions"]);
    Deno.writeTextFileSync(folder.log, "");
    throws(
      () => openRunFolder(folder, { resume: false }),
      /^Error: Cannot start a new run .* before its first checkpoint/,
    );
    Deno.writeTextFileSync(folder.checkpoint, "");
    throws(() => openRunFolder(folder, { resume: false }), /^Error: Cannot start a new run .*--resume/);
    Deno.writeTextFileSync(`${folder.path}/.last.safetensors.123-0123abcd.tmp`, "half"); // of a process that was killed
    openRunFolder(folder, { resume: true });
    deepStrictEqual(
      [...Deno.readDirSync(folder.path)].map(({ name }) => name).filter((name) => name.endsWith("tmp")),
      [],
    );
  }));

Deno.test("openRunFolder() refuses a folder that cannot be written", () =>
  withFolder((path) => {
    Deno.writeTextFileSync(`${path}/file`, "");
    throws(
      () => openRunFolder(runFolder(`${path}/file/run`), { resume: false }),
      /^Error: Cannot write the run folder/,
    );
  }));

Deno.test("findCheckpoint() takes a checkpoint or a run folder, and says what is missing", () =>
  withFolder((path) => {
    throws(() => findCheckpoint(path), new RegExp(`folder ${path} has none`));
    throws(() => findCheckpoint(`${path}/absent`), /absent is missing/);
    const checkpoint = `${path}/last.safetensors`;
    Deno.writeTextFileSync(checkpoint, "");
    deepStrictEqual(findCheckpoint(path), { checkpoint, folder: path });
    deepStrictEqual(findCheckpoint(checkpoint), { checkpoint, folder: path });
  }));
