import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { findCheckpoint, makeRunPath, openRunFolder, runFolder } from "../../../spark/train/run_folder.ts";
import { kindOf } from "../../../spark/train/kind_of.ts";
import { withFolder } from "../../data/support.ts";

Deno.test("runFolder() names files below the folder", () => {
  equal(runFolder("runs/a/").checkpoint, "runs/a/last.safetensors");
  equal(runFolder("runs/a").picture(12), "runs/a/reconstructions/step_000012.png");
});

Deno.test("makeRunPath() makes folders of different names within a second", () =>
  withFolder({}, (path) => {
    const names = [1, 2, 3].map(() => makeRunPath("tiny", new Date(0), `${path}/runs`));
    const first = `${path}/runs/tiny-1970-01-01T000000`;
    deepStrictEqual(names, [first, `${first}-2`, `${first}-3`]);
    equal([...Deno.readDirSync(`${path}/runs`)].length, 3);
    Deno.writeTextFileSync(`${path}/file`, "");
    throws(() => makeRunPath("tiny", new Date(0), `${path}/file`), /^Error: Cannot write the run folder .*--out$/);
  }));

Deno.test("openRunFolder() makes the folder, and refuses one that holds another run", () =>
  withFolder({}, (path) => {
    const folder = runFolder(`${path}/a/b`);
    openRunFolder(folder, { resume: false })[Symbol.dispose]();
    equal(kindOf(folder.path), "absent"); // nothing was left in it
    {
      using _lock = openRunFolder(folder, { resume: false });
      deepStrictEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
        "reconstructions",
        "run.lock",
      ]);
    }
    Deno.mkdirSync(folder.pictures, { recursive: true });
    Deno.writeTextFileSync(folder.log, "");
    throws(
      () => openRunFolder(folder, { resume: false }),
      /^Error: Cannot start a new run .* before its first checkpoint/,
    );
    Deno.writeTextFileSync(folder.checkpoint, "");
    throws(() => openRunFolder(folder, { resume: false }), /^Error: Cannot start a new run .*--resume/);
    Deno.writeTextFileSync(`${folder.path}/.last.safetensors.123-0123abcd.tmp`, "half"); // of a process that was killed
    openRunFolder(folder, { resume: true })[Symbol.dispose]();
    deepStrictEqual(
      [...Deno.readDirSync(folder.path)].map(({ name }) => name).filter((name) => name.endsWith("tmp")),
      [],
    );
  }));

Deno.test("openRunFolder() refuses a folder that cannot be written", () =>
  withFolder({}, (path) => {
    Deno.writeTextFileSync(`${path}/file`, "");
    throws(
      () => openRunFolder(runFolder(`${path}/file/run`), { resume: false }),
      /^Error: Cannot write the run folder/,
    );
  }));

Deno.test("findCheckpoint() takes a checkpoint or a run folder, and says what is missing", () =>
  withFolder({}, (path) => {
    throws(() => findCheckpoint(path), new RegExp(`folder ${path} has none`));
    throws(() => findCheckpoint(`${path}/absent`), /absent is missing/);
    const checkpoint = `${path}/last.safetensors`;
    Deno.writeTextFileSync(checkpoint, "");
    deepStrictEqual(findCheckpoint(path), { checkpoint, folder: path });
    deepStrictEqual(findCheckpoint(checkpoint), { checkpoint, folder: path });
  }));
