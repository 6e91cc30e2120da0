import { deepStrictEqual, throws } from "node:assert/strict";
import { requireWritable } from "../../../spark/commands/shared/writable.ts";
import { withFolder } from "../../data/support.ts";

Deno.test("requireWritable() takes what can be written and leaves nothing; refuses the rest by option", () =>
  withFolder({ "there.png": Uint8Array.of(1) }, (folder) => {
    requireWritable(`${folder}/there.png`, "--out");
    requireWritable(`${folder}/new.png`, "--out");
    deepStrictEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["there.png"]);
    throws(() => requireWritable(folder, "--out"), /as --out must name a file .*: current path is a folder$/);
    throws(
      () => requireWritable(`${folder}/no/new.png`, "--report"),
      /^Error: Cannot write .*new.png as --report must name a file in a folder .*: current error is No such file/,
    );
    throws(() => requireWritable(`${folder}/there.png/x`, "--out"), /current error is Not a directory/);
    throws(() => requireWritable("/proc/new.png", "--out"), /Cannot write \/proc\/new.png as --out/);
  }));
