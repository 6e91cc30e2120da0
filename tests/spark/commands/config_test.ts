import { deepStrictEqual, equal, match, rejects, throws } from "node:assert/strict";
import { command } from "../../../spark/commands/cli/command.ts";
import { readConfig } from "../../../spark/commands/cli/config_file.ts";
import { userFolder } from "../../../spark/commands/cli/user_folder.ts";
import { PRETRAIN_OPTIONS } from "../../../spark/commands/shared/pretrain_options.ts";

const read = (text: string) => readConfig(text, PRETRAIN_OPTIONS, "c.json");

Deno.test("readConfig() reads every kind of value, under the names of the line and of the code", () => {
  const text = JSON.stringify({
    "data": "photos",
    "batch-size": 16,
    "inputSize": [64, 96],
    "base-lr": "1e-3",
    "model": "resnet50",
    "debug-nans": true,
    "ema": null,
  });
  const found = { data: "photos", batchSize: 16, inputSize: [64, 96], baseLr: 1e-3, model: "resnet50" };
  deepStrictEqual(read(text), { ...found, debugNans: true });
  deepStrictEqual(read('{"debug-nans": false, "input-size": "96x128"}'), { inputSize: [96, 128] });
  deepStrictEqual(read('\uFEFF{"input-size": 96}'), { inputSize: [96, 96] });
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  [
    '{"bath-size": 8}',
    /^Cannot read c.json .* keys must be options .*: current key is bath-size, did you mean batch-size$/,
  ],
  ['{"bathSize": 8}', /did you mean batch-size$/],
  ['{"frobnicate": 8}', /current key is frobnicate$/],
  ['{"config": "b.json"}', /current key is config$/],
  ['{"__proto__": 1, "seed": 0}', /current key is __proto__$/],
  [
    '{"batch-size": "many"}',
    /^Cannot read batch-size of c.json as it must be a whole number .*: current value is many$/,
  ],
  ['{"batch-size": [8]}', /current value is \[8\]$/],
  ['{"debug-nans": "yes"}', /^Cannot read debug-nans of c.json as it must be true or false: current value is "yes"$/],
  ['{"batch-size": 8, "batchSize": 9}', /^Cannot read batchSize of c.json as an option must be given once/],
  ["[1]", /must be a record of options: current value is \[1\]$/],
  ["null", /current value is null$/],
  ["{", /must be JSON: current error is /],
];

Deno.test("readConfig() refuses by file and key what it cannot read", () => {
  for (const [text, message] of REFUSED) {
    throws(() => read(text), (error: Error) => {
      match(error.message, message);
      return error instanceof RangeError;
    }, text);
  }
});

Deno.test("a command takes --config; options of the line go before it", async () => {
  const seen: unknown[] = [];
  const options = {
    seed: { kind: "whole", help: "a number" },
    name: { kind: "text", placeholder: "NAME", what: "a name", help: "a name" },
  } as const;
  const run = command({ task: "try", purpose: "Tries.", options }, (given) => {
    seen.push(given);
    return Promise.resolve(0);
  });
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(path, '{"seed": 1, "name": "file"}');
    await run(["--config", path, "--name", "line"]);
    await run([]);
    deepStrictEqual(seen, [{ seed: 1, name: "line" }, {}]);
    await rejects(run(["--config", `${path}.absent`]), /^Error: Cannot read --config as it must be a file .*absent/);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("userFolder() is where the user stands when a task began, else where the process began", () => {
  const [project, user] = [Deno.cwd(), import.meta.dirname!];
  equal(userFolder(project, project, user), user);
  equal(userFolder(`${project}/`, project, user), user);
  equal(userFolder("/elsewhere", project, user), "/elsewhere"); // whoever began it knows where it stands
  equal(userFolder(project, project, undefined), project);
  equal(userFolder(project, project, `${user}/absent`), project);
  equal(userFolder(project, undefined, user), project);
});

Deno.test("a relative path under deno task is taken from the folder in which the user stands", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/page.html`, "<html>no weights</html>");
    const root = new URL("../../../", import.meta.url).pathname;
    const options = { args: ["task", "--config", `${root}deno.json`, "inspect", "page.html"], cwd: folder };
    // As from a user's shell: a task that runs these tests has named a folder already, which a task within it keeps.
    const { INIT_CWD: _, ...env }: Record<string, string> = { ...Deno.env.toObject(), NO_COLOR: "1" };
    const { code, stderr } = await new Deno.Command(Deno.execPath(), { ...options, env, clearEnv: true }).output();
    const text = new TextDecoder().decode(stderr);
    equal(code, 1);
    match(text, /\nCannot (read|load) page.html /);
    equal(/No such file/.test(text), false, text); // it was found
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
