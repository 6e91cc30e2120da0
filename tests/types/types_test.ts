/** @file Mistakes that the compiler must find, one a file, at the line that says `wrong:`; and what it must accept. */
import { deepStrictEqual, equal, ok } from "node:assert/strict";

const FOLDER = new URL("./", import.meta.url);
const FILES = [...Deno.readDirSync(new URL("must_fail/", FOLDER))].map(({ name }) => name).sort();

async function check(paths: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["check", ...paths],
    env: { NO_COLOR: "1" },
    cwd: FOLDER,
    stderr: "piped",
    stdout: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** Lines with the mark, as `file:line`. */
function marked(name: string): readonly string[] {
  const lines = Deno.readTextFileSync(new URL(`must_fail/${name}`, FOLDER)).split("\n");
  return lines.flatMap((line, i) => line.includes("// wrong:") ? [`${name}:${i + 1}`] : []);
}

Deno.test("mistakes do not compile, each at its line and nowhere else; what keeps to the types does", async () => {
  // Beside the folder that checks of the whole project leave out, at the same depth.
  const copies = Deno.makeTempDirSync({ dir: FOLDER.pathname, prefix: "copies_" });
  try {
    FILES.forEach((name) => Deno.copyFileSync(new URL(`must_fail/${name}`, FOLDER), `${copies}/${name}`));
    const { code, text } = await check([...FILES.map((name) => `${copies}/${name}`), "must_compile.ts"]);
    equal(code, 1);
    ok(!text.includes("TS9"), text);
    const found = [...text.matchAll(/^ {4}at file:\S+\/(\w+\.ts):(\d+):/gm)].map(([, name, line]) => `${name}:${line}`);
    deepStrictEqual([...new Set(found)].sort(), FILES.flatMap(marked).sort(), text);
  } finally {
    Deno.removeSync(copies, { recursive: true });
  }
});
