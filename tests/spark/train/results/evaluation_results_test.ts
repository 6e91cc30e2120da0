import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { add, random, type Tensor, treeFlatten, treeLeaves, treeUnflatten } from "../../../../tensor/mod.ts";
import { adamw } from "../../../../nn/mod.ts";
import { type FinetuneState, initFinetune, load, loadBackbone, startAverage } from "../../../../spark/mod.ts";
import { runFolder } from "../../../../spark/train/run_folder.ts";
import { MODELS } from "../../../../spark/train/model_table.ts";
import { evaluationResults } from "../../../../spark/train/results/evaluation_results.ts";
import { emptyConfusion } from "../../../../spark/train/scores/confusion.ts";
import { withFolder } from "../../../data/support.ts";

const MODEL = MODELS.mini_resnet8!.make();
const TRAIN = initFinetune(MODEL, adamw({ learningRate: 1 }), random.key(0), { classes: 3 });

/** Every floating tensor larger by a number. */
function moved<T>(tree: T, by: number): T {
  const { leaves, structure } = treeFlatten(tree);
  return treeUnflatten(
    structure,
    (leaves as readonly Tensor[]).map((x) => x.dtype.startsWith("float") ? add(x, by) : x),
  ) as T;
}

/** A state whose weights and average are none of another step's, and none of each other. */
function stateOf(step: number, averaged: boolean): FinetuneState {
  const { params, state } = moved({ params: TRAIN.params, state: TRAIN.state }, step);
  const train = { ...TRAIN, params, state };
  return averaged ? { ...train, average: moved(startAverage(train).average!, 0.25) } : train;
}

/** Whether two trees hold the same numbers; as texts, since the difference of so many is not to be printed. */
async function areSame(a: unknown, b: unknown): Promise<boolean> {
  const textOf = async (tree: unknown) =>
    (await Promise.all((treeLeaves(tree) as readonly Tensor[]).map((x) => x.data()))).join(";");
  return await textOf(a) === await textOf(b);
}

/** Shares of the evaluations, of weights and average; step whose weights are the best, and which they are. */
const CASES: Readonly<
  Record<string, {
    readonly top1: readonly (readonly number[])[];
    readonly step: number;
    readonly set?: "raw" | "average";
  }>
> = {
  "the weights, where their average is worse": { top1: [[0.75, 0.5]], step: 1, set: "raw" },
  "the average, where it is better": { top1: [[0.5, 0.75]], step: 1, set: "average" },
  "the weights, where both are equal": { top1: [[0.5, 0.5]], step: 1, set: "raw" },
  "the weights of before, where a later average is worse": { top1: [[0.75, 0.5], [0.25, 0.625]], step: 1, set: "raw" },
  "a later average, where the weights of before are worse": { top1: [[0.5, 0.25], [0.5, 1]], step: 2, set: "average" },
  "the weights, where there is no average": { top1: [[0.5], [0.75]], step: 2 },
};

for (const [name, { top1, step, set }] of Object.entries(CASES)) {
  Deno.test(`best.safetensors is read as what scored best, and holds all to go on: ${name}`, () =>
    withFolder({}, async (path) => {
      const folder = runFolder(path);
      const shares = top1.flat();
      const lines: string[] = [];
      const { beforeSave } = evaluationResults(folder, {
        ...{ title: "", about: {}, classes: ["a", "b", "c"], options: null, best: null, sources: [], emit: () => {} },
        ...{ before: { text: "", records: [], damaged: 0 }, configuration: {}, evalEvery: 1, total: top1.length },
        evaluate: () => {
          const scores = { images: 8, unread: [], loss: 1, top1: shares.shift()!, top5: 1 };
          return Promise.resolve({ scores, confusion: emptyConfusion(3) });
        },
        tell: (line) => lines.push(line),
      });
      const states = top1.map(({ length }, i) => stateOf(i + 1, length === 2));
      for (const [i, train] of states.entries()) await beforeSave!(train, i + 1);
      const train = states[step - 1]!;
      const { params, state, head, account } = await loadBackbone(folder.best, MODEL);
      const isRead = (weights: typeof train.average) =>
        weights
          ? areSame([params, head, state], [weights.params.encoder, weights.params.head, weights.state.encoder])
          : false;
      const isAverage = set === "average";
      deepStrictEqual([await isRead(train), await isRead(train.average)], [!isAverage, isAverage]);
      equal(account.isAverage, isAverage);
      match(lines.at(-1)!, new RegExp(`after step ${step}${set ? ` \\(${set}\\)` : ""}$`));
      ok(await areSame(await load(folder.best, train), train), "a run goes on from all of it");
      if (!train.average) return;
      const other = await loadBackbone(folder.best, MODEL, { weights: set === "raw" ? "average" : "raw" });
      equal(other.account.isAverage, set === "raw");
    }));
}
