/**
 * The converting command: `deno task convert --help`, or `deno run -A jsr:@tessera/tessera/convert --help`.
 *
 * @module
 */
import type { Model } from "../../../nn/mod.ts";
import { decoderWidthOf } from "../../weights/load_weights.ts";
import { bytes } from "../../train/devices.ts";
import { type Command, command } from "../cli/command.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { FILE_MODEL_OPTION, WEIGHTS_OPTION } from "../shared/common_options.ts";
import { modelOf, openWeights } from "../shared/weight_file.ts";
import { containerOf, requireAbsent, type Target, TARGETS } from "./targets.ts";
import { writeFull } from "./write_full.ts";
import { type Job, writeNetwork } from "./write_network.ts";

export type { Command } from "../cli/command.ts";

const LINE = {
  task: "convert",
  purpose:
    `Writes weights under other names and in another container. IN may be a run folder or any file of weights, known by \
its
content; OUT ends with .safetensors, .pth, .npz, .pkl (Detectron2's container) or .onnx and must not exist yet. A
classification head is kept with the backbone, and so are the names of its classes: in the metadata of .safetensors and
.onnx, else in a .json beside OUT.`,
  operands: { names: ["IN", "OUT"] },
  usage: "--to NAME",
  options: {
    to: { kind: "name", names: TARGETS as readonly string[], help: "whose names: one of {names}" },
    ...FILE_MODEL_OPTION,
    ...WEIGHTS_OPTION,
    backbone: { kind: "flag", help: "leave decoder and optimizer out" },
  },
  details: `What --to writes:
     safetensors   names of this library; with decoder and optimizer where IN has them
     official      SparK's: the full checkpoint where IN has a decoder, else the backbone
     timm          the backbone as timm names it
     torchvision   the backbone as torchvision names it
     huggingface   the backbone as transformers name it
     detectron2    the backbone as Detectron2 names it, ResNets only
     pytorch       a ResNet of any size, with a .py beside it that builds it in PyTorch, loads it and checks it
     onnx          backbone or classifier as a graph: images [N, 3, H, W], normalised as the metadata say`,
} as const;

/** Runs the command: exit code 0. */
export const convertFile: Command = command(LINE, async (given, operands) => {
  const { to, model: name, weights, backbone = false } = given;
  const [path, out] = operands as [string, string];
  if (to === undefined) {
    throw new RangeError(`Cannot convert as --to must be one of ${TARGETS.join(", ")}: current value is absent`);
  }
  const target = to as Target;
  const container = containerOf(out, target);
  requireAbsent(out);
  const file = await openWeights(path, { option: "IN", model: name, weights });
  const model: Model = modelOf(file, name);
  const job: Job = { file, out, to: target, model, container };
  const isFull = decoderWidthOf(file) !== null && !backbone && (to === "safetensors" || to === "official");
  const { tensors, content } = isFull ? await writeFull(job) : await writeNetwork(job);
  const { size } = await Deno.stat(out);
  print(`Wrote ${out}: ${content} of ${job.model.name} as ${to}, ${tensors} tensors, ${bytes(size)}`);
  return 0;
});

if (import.meta.main) await runCommand(convertFile);
