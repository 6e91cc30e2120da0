/** @file Where the weights lie that an option names. */
import { pathAdvice } from "../../../data/mod.ts";
import { kindOf } from "../../train/kind_of.ts";
import { MODEL_NAMES } from "../../train/model_table.ts";
import { runFolder } from "../../train/run_folder.ts";
import { print } from "../cli/print.ts";

/** Files of weights in a folder as transformers write it, the likeliest first. */
const NAMES = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];

/**
 * Finds the file of weights that an option names. What a folder means is said.
 *
 * @param path A file, a run folder, of which what was evaluated last is taken, else the newest checkpoint, or a folder as
 * transformers write it.
 * @param option The option that names it, for errors: `--init`.
 * @param tell Told which file of a folder it is.
 * @param set Which of several sets of weights is asked for, if one is: the checkpoint has them all.
 * @returns The file.
 * @throws {Error} If there is nothing, or a folder without weights, naming what was looked for.
 */
export function weightPath(
  path: string,
  option: string,
  tell: (line: string) => void = print,
  set?: string | null,
): string {
  const kind = kindOf(path);
  if (kind === "file") return path;
  const refuse = (current: string): never => {
    throw new Error(
      `Cannot read weights as ${option} must name a file of weights, a run folder (${
        runFolder("").checkpoint.slice(1)
      }) ` +
        `or a folder of transformers (${NAMES[0]}): current ${current}`,
    );
  };
  if (kind === "other") return refuse(`path ${path} is a pipe or a device; write what comes out of it into a file`);
  if (kind === "absent") return refuse(`path ${path} is missing${modelAdvice(path) ?? pathAdvice(path)}`);
  const root = path.replace(/(?<=.)\/+$/, "");
  const { checkpoint, evaluated } = runFolder(root);
  const candidates = [...set ? [] : [evaluated], checkpoint, ...NAMES.map((name) => `${root}/${name}`)];
  const found = candidates.find((each) => kindOf(each) === "file");
  if (found === undefined) return refuse(`folder ${path} has none of them${otherwise(root)}`);
  tell(`${option} ${path} is a folder: takes ${found}`);
  return found;
}

/** Names of models are none of files. */
function modelAdvice(path: string): string | undefined {
  return MODEL_NAMES.includes(path) ? "; it is the name of a model: --model takes it" : undefined;
}

/** Files that tell what else a folder is, and what to do then. */
const OTHER_FOLDERS: readonly (readonly [file: RegExp, advice: string])[] = [
  [
    /\.distcp$/,
    "but parts of torch.distributed.checkpoint (.distcp); in Python: " +
    'torch.distributed.checkpoint.format_utils.dcp_to_torch_save(folder, "weights.pth")',
  ],
  [/^zero_to_fp32\.py$/, "but parts of DeepSpeed; run its zero_to_fp32.py, and name what that writes"],
  [
    /^adapter_(?:model|config)\./,
    "but an adapter of PEFT; in Python: model.merge_and_unload().save_pretrained(folder)",
  ],
  [/^saved_model\.pb$/, "but a SavedModel of TensorFlow; save its weights as .npz in Python"],
  [/\.(?:index|data-\d+-of-\d+)$/, "but a checkpoint of TensorFlow; save its weights as .npz in Python"],
];

/** Endings of files of weights. */
const WEIGHTS = /\.(?:safetensors|pth|pt|bin|ckpt|tar|npz|pkl|torch)$/i;

/** What a folder without the usual names holds instead. */
function otherwise(root: string): string {
  const names = [...Deno.readDirSync(root)].map(({ name }) => name).toSorted();
  const known = OTHER_FOLDERS.find(([file]) => names.some((name) => file.test(name)));
  if (known) return `, ${known[1]}`;
  const weights = names.filter((name) => WEIGHTS.test(name));
  if (weights.length === 0) return "";
  return `, but ${weights.slice(0, 3).join(", ")}${
    weights.length > 3 ? ` and ${weights.length - 3} more` : ""
  }; name one`;
}
