import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { testFiles } from "../../../data/support.ts";
import { compare, resultOf, withStatistics } from "../../../ranks/results.ts";
import { mpirun, testMpi } from "../../../support/mpirun.ts";

const COMMANDS = new URL("../../../../spark/commands/", import.meta.url).pathname;
const PRETRAIN = `${COMMANDS}pretrain/pretrain.ts`;
const SMALL = new URL("../../small_model.ts", import.meta.url).pathname;

/** A folder with images. */
async function makePhotos(): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(join(folder, "photos"));
  for (const [name, bytes] of Object.entries(testFiles(3))) await Deno.writeFile(join(folder, "photos", name), bytes);
  return folder;
}

/** Options of a run of so many steps. */
const optionsOf = (folder: string, steps = 1) => [
  ...[
    "--data",
    join(folder, "photos"),
    "--device",
    "cpu",
    "--workers",
    "0",
    "--steps",
    `${steps}`,
    "--out",
    join(folder, "run"),
  ],
];

testMpi("Ranks with other options end at once: one line says which rank and which option, exit code 75", async () => {
  const folder = await makePhotos();
  const second = [":", "-n", "1", Deno.execPath(), "run", "-A", "--no-check", PRETRAIN];
  const options = optionsOf(folder);
  const { code, stderr } = await mpirun(1, [PRETRAIN, ...options, "--seed", "1", ...second, ...options, "--seed", "2"]);
  const lines = stderr.split("\n").filter((line) => line.startsWith("Cannot ") || line.startsWith("rank "));
  equal(lines.length, 1, stderr);
  match(
    lines[0]!,
    /^Cannot train together as all ranks must have the same option seed: current option seed of rank 1 is 2, of rank 0 1$/,
  );
  equal(code, 75);
  await Deno.remove(folder, { recursive: true });
});

testMpi("More ranks than images, and commands that ranks do not share, are refused in one line", async () => {
  const folder = await makePhotos();
  const linesOf = (stderr: string) => stderr.split("\n").filter((line) => line.includes("Cannot "));
  const small = await mpirun(2, [PRETRAIN, ...optionsOf(folder), "--batch-size", "1"]);
  match(
    linesOf(small.stderr).join("\n"),
    /^Cannot share a batch as each rank must have an image: current --batch-size is 1, number of ranks is 2$/,
  );
  const other = await mpirun(2, [
    `${COMMANDS}embed/embed.ts`,
    join(folder, "photos"),
    "--init",
    "none",
    "--out",
    join(folder, "x.npz"),
  ]);
  match(
    linesOf(other.stderr).join("\n"),
    /^Cannot run embed by several ranks as only deno task pretrain, finetune, probe and detect:train share their work/,
  );
  equal(small.code, 1);
  await Deno.remove(folder, { recursive: true });
});

testMpi(
  "Files that any rank cannot read are said once, with the rank that met them, counted and kept in the log",
  async () => {
    const folder = await makePhotos();
    const broken = ["first.png", "second.png"].map((name) => join(folder, "photos", name));
    for (const path of broken) await Deno.writeTextFile(path, "no image");
    const small = ["--model", "tiny_resnet8", "--input-size", "32", "--batch-size", "5"];
    const { code, stdout, stderr } = await mpirun(2, [PRETRAIN, ...optionsOf(folder, 3), ...small]);
    equal(code, 0, stderr);
    const said = stdout.replaceAll(/\s+/g, " ");
    deepStrictEqual(said.match(/(?:rank 1: )?Skips \S+/g)?.toSorted(), [
      `Skips ${broken[1]}`,
      `rank 1: Skips ${broken[0]}`,
    ]);
    match(said, /Planned memory of rank 0: .*Done after 3 of 3 steps, 2 files skipped;/);
    const log = await Deno.readTextFile(join(folder, "run", "log.jsonl"));
    const kept = log.trim().split("\n").map((line) => JSON.parse(line)).filter(({ skipped }) => skipped);
    deepStrictEqual(kept.map(({ skipped }) => skipped).toSorted(), broken);
    await Deno.remove(folder, { recursive: true });
  },
);

testMpi(
  "Ranks with statistics of their own come to what one process does that computes their parts in turn",
  async () => {
    const folder = await makePhotos();
    const train = async (ranks: number, further: readonly string[]) => {
      const small = ["--model", SMALL, "--batch-size", "4", "--warmup-epochs", "0", "--base-lr", "0.05"];
      const run = [PRETRAIN, ...optionsOf(folder, 3), ...small, "--threads", "1", ...further];
      const { code, stderr } = await mpirun(ranks, run);
      equal(code, 0, stderr);
      const result = await resultOf(join(folder, "run"));
      await Deno.remove(join(folder, "run"), { recursive: true });
      return result;
    };
    const [inTurn, atOnce] = [await train(1, ["--accumulate", "2"]), await train(1, ["--norm-parts", "2"])];
    const { loss, leaves } = compare(await train(2, []), withStatistics(inTurn, atOnce));
    ok(loss < 1e-6, `losses differ by ${loss}`);
    deepStrictEqual(Object.entries(leaves).filter(([, distance]) => distance > 1e-5), []);
    await Deno.remove(folder, { recursive: true });
  },
);
