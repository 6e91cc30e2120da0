/** @file A table of weights as scripts of PyTorch leave them: each read right, or refused with the right reason. */
import { join } from "node:path";
import { type Classifier, convnext, globalAvgPool, resnet } from "../../nn/mod.ts";
import { readNpz } from "../../data/mod.ts";
import { type Tensor, tensor } from "../../tensor/mod.ts";
import { accountLines } from "../../spark/mod.ts";
import { classesOf, networkOf, openWeights } from "../../spark/commands/shared/weight_file.ts";
import { type Bench, TOLERANCE } from "./bench.ts";

/** The networks of layout_parts.py. */
const NARROW = resnet({ block: "basic", depths: [1, 1, 1, 1], widths: [8, 16, 32, 64], stemWidth: 64 });
const CONVNEXT = convnext({ depths: [1, 1, 1], dims: [8, 16, 32] });

/** What is to come of a file: whose weights, with or without their head; or why it is refused. */
interface Row {
  readonly file: string;
  /** What wrote it. */
  readonly layout: string;
  /** Value of `--weights`. */
  readonly weights?: string;
  /** Which network of weight_layouts.py; absent: refused. */
  readonly network?: string;
  /** Whether the head comes along; true if not given. */
  readonly head?: boolean;
  /** What the account or the refusal must say. */
  readonly says?: RegExp;
}

const LISTED: readonly Row[] = [
  { file: "plain.pth", layout: "state_dict()", network: "A", says: /none unused; head of 5 classes/ },
  { file: "torchvision.pth", layout: "torchvision's references: model, optimizer, args", network: "A" },
  { file: "torchvision_ema.pth", layout: "the same with --model-ema", network: "B", says: /model_ema of 2 sets/ },
  { file: "torchvision_ema.pth", layout: "the same, --weights raw", weights: "raw", network: "A" },
  {
    file: "timm.pth.tar",
    layout: "timm: state_dict, state_dict_ema, amp_scaler",
    network: "B",
    says: /state_dict_ema of 2/,
  },
  { file: "timm.pth.tar", layout: "the same, --weights state_dict", weights: "state_dict", network: "A" },
  {
    file: "lightning.ckpt",
    layout: "Lightning: model., loops, hyper_parameters",
    network: "A",
    says: /AttributeDict 1/,
  },
  { file: "ddp.pth", layout: "DistributedDataParallel: module.", network: "A", says: /module\. taken off/ },
  { file: "compiled.pt", layout: "torch.compile in DDP: module._orig_mod.", network: "A" },
  {
    file: "moco.pth.tar",
    layout: "MoCo: encoder_q, encoder_k, queue",
    network: "A",
    head: false,
    says: /queue|unused/,
  },
  { file: "moco.pth.tar", layout: "the same, --weights encoder_k", weights: "encoder_k", network: "B", head: false },
  { file: "dino.pth", layout: "DINO: student, teacher", network: "B", head: false, says: /teacher of 2 sets/ },
  { file: "dino.pth", layout: "the same, --weights student", weights: "student", network: "A", head: false },
  { file: "swa.pt", layout: "AveragedModel: n_averaged, module.", network: "B" },
  {
    file: "ema_pytorch.pt",
    layout: "ema_pytorch: online_model., ema_model.",
    network: "B",
    says: /ema_model of 2 sets/,
  },
  { file: "hf_resnet", layout: "Transformers, folder, model.safetensors", network: "A", says: /names of huggingface/ },
  { file: "hf_convnext.bin", layout: "Transformers, ConvNeXt, pytorch_model.bin", network: "C" },
  { file: "timm_convnext.pth", layout: "timm, ConvNeXt", network: "C", says: /names of timm/ },
  { file: "fsdp.pt", layout: "FSDP with activation checkpointing", network: "A", says: /_fsdp_wrapped_module/ },
  { file: "fsdp_flat.pt", layout: "FSDP, LOCAL_STATE_DICT: _flat_param", says: /FULL_STATE_DICT/ },
  { file: "nested_optimizers.pt", layout: "moments by name, nets.encoder", network: "A" },
  { file: "half.pth", layout: "float16", network: "A half" },
  { file: "bfloat16.pth", layout: "bfloat16", network: "A bfloat16" },
  { file: "tied.pth", layout: "tensors under two names", network: "A" },
  { file: "flat_views.pth", layout: "views of one buffer", network: "A" },
  { file: "channels_last.pth", layout: "channels_last strides", network: "A" },
  { file: "several.pth", layout: "generator, encoder.net", network: "B", says: /of 2 sets/ },
  { file: "several.pth", layout: "the same, --weights encoder.net", weights: "encoder.net", network: "A" },
  { file: "whole_model.pth", layout: "torch.save(model)", says: /whole model.*Narrow.*\.state_dict\(\)/ },
  { file: "whole_model_in_dict.pt", layout: "{model: model.half()}", says: /whole model.*\["model"\]\.state_dict\(\)/ },
  { file: "legacy.pth", layout: "torch.save of 1.5 and before", network: "A" },
  { file: "torch_0_1.tar", layout: "PyTorch 0.1, tar", says: /PyTorch 0\.1.*save it again/ },
  { file: "metadata.safetensors", layout: "safetensors with classes in the metadata", network: "A" },
  { file: "detectron2.pkl", layout: "Detectron2's model zoo", network: "A", head: false, says: /names of detectron2/ },
  { file: "numpy.npz", layout: "numpy.savez", network: "A" },
  { file: "scripted.pt", layout: "torch.jit.save", says: /TorchScript.*torch\.jit\.load/ },
];

/** Those that were thought of when the others were right. */
const UNLISTED: readonly Row[] = [
  { file: "pickled.pkl", layout: "pickle.dump(state_dict())", network: "A" },
  { file: "pickled_protocol_5.pkl", layout: "pickle.dump of arrays, protocol 5", network: "A" },
  {
    file: "lightly_sequential.ckpt",
    layout: "nn.Sequential(*resnet.children()): 0., 4.0.conv1.",
    network: "A",
    head: false,
  },
  {
    file: "vissl.torch",
    layout: "VISSL: _feature_blocks.",
    network: "A",
    head: false,
    says: /_feature_blocks\. taken off/,
  },
  { file: "openmmlab.pth", layout: "OpenMMLab: backbone., head.fc., meta", network: "A", says: /classes vwxyz/ },
  { file: "pruned.pth", layout: "torch.nn.utils.prune", says: /conv1\.weight.*prune\.remove/ },
  { file: "parametrized.pth", layout: "parametrizations: spectral_norm", says: /remove_parametrizations/ },
  { file: "quantized.pth", layout: "quantize_dynamic", network: "A", head: false, says: /_rebuild_qtensor 1/ },
  { file: "frozen_norm.pth", layout: "torchvision detector: backbone.body., no counts", network: "A", head: false },
  { file: "diverged.pth", layout: "a weight is NaN", says: /bn1\.weight at 0 is NaN/ },
  { file: "gradients.pth", layout: "gradients before the weights", network: "A" },
  { file: "momentum_first.pth", layout: "moments by name before the weights", network: "A" },
  { file: "list_of_states.pth", layout: "a list of states", network: "B", says: /0\.net of 2 sets/ },
  { file: "plain.pth.gz", layout: "gzip", says: /gzip/ },
  { file: "truncated.pth", layout: "half a file", says: /truncated|cut|ends|end of/ },
  { file: "empty.pth", layout: "0 bytes", says: /empty|0 bytes/ },
  { file: "distributed", layout: "torch.distributed.checkpoint, a folder", says: /distcp.*dcp_to_torch_save/ },
  { file: "distributed/__0_0.distcp", layout: "a file of it", network: "A" },
  { file: "hf_sharded", layout: "Transformers, shards with an index", network: "A" },
  { file: "lost_tensor.pth", layout: "one tensor missing", says: /layer3\.0\.bn2\.running_var/ },
  { file: "other_width.pth", layout: "another network", says: /must have conv1\.weight/ },
];

/** Numbers that PyTorch made of a network. */
interface Expected {
  readonly logits: readonly (readonly number[])[];
  readonly features: readonly (readonly number[])[];
}

async function largest(got: Tensor, expected: readonly (readonly number[])[]): Promise<number> {
  const [values, wanted] = [await got.data(), expected.flat()];
  if (values.length !== wanted.length) return Infinity;
  const scale = Math.max(...wanted.map(Math.abs));
  return Math.max(...wanted.map((x, i) => Math.abs(x - Number(values[i])))) / scale;
}

/** What comes of a file: what was read, and how far it is from what should have been. */
interface Come {
  readonly error: number;
  readonly said: string;
}

async function read(path: string, row: Row, x: Tensor, expected: Expected): Promise<Come> {
  const model: Classifier = row.network === "C" ? CONVNEXT : NARROW;
  const file = await openWeights(path, { option: "--init", weights: row.weights ?? null });
  const { params, state, head, account } = networkOf(file, model);
  const classes = classesOf(file);
  const said = [...accountLines(account), ...classes ? [`classes ${classes.join("")}`] : []].join("; ");
  const wantsHead = row.head ?? true;
  if (wantsHead !== (head !== null)) return { error: Infinity, said: `${said}; ${head ? "a" : "no"} head` };
  const error = head === null
    ? await largest(pooledOf(model, params, state, x), expected.features)
    : await largest(model.logits({ encoder: params, head }, state, x).logits, expected.logits);
  return { error, said };
}

function pooledOf(
  model: Classifier,
  params: Parameters<Classifier["features"]>[0],
  state: Parameters<Classifier["features"]>[1],
  x: Tensor,
): Tensor {
  return globalAvgPool(model.features(params, state, x).features.at(-1)!);
}

/** Judges a row; gives its line of the table. */
async function judge(
  bench: Bench,
  folder: string,
  row: Row,
  x: Tensor,
  all: Readonly<Record<string, Expected>>,
): Promise<void> {
  const expected = row.network === undefined ? { logits: [], features: [] } : all[row.network]!;
  const come = await read(join(folder, row.file), row, x, expected).catch((error: Error): Come => ({
    error: row.network === undefined ? 0 : Infinity,
    said: `refused: ${error.message}`,
  }));
  const isRefused = come.said.startsWith("refused");
  const holds = come.error <= TOLERANCE && isRefused === (row.network === undefined) &&
    (row.says?.test(come.said) ?? true);
  const what = row.network === undefined ? "" : `${row.network}, ${come.error.toExponential(1)}: `;
  bench.require(`| ${row.file} | ${row.layout}`, holds, `| ${what}${come.said.replaceAll(`${folder}/`, "")} |`);
}

/**
 * Checks every layout.
 *
 * @param bench Where verdicts go, as lines of a table.
 * @param folder A folder for the files.
 */
export async function checkWeightLayouts(bench: Bench, folder: string): Promise<void> {
  await bench.python("weight_layouts.py", [folder]);
  const { x } = await readNpz(join(folder, "input.npz"));
  const images = tensor(x!.data as Float32Array, { dtype: "float32", shape: x!.shape });
  const expected = JSON.parse(await Deno.readTextFile(join(folder, "expected.json")));
  bench.write(`${LISTED.length} layouts of weights, and ${UNLISTED.length} more`);
  for (const row of [...LISTED, ...UNLISTED]) await judge(bench, folder, row, images, expected);
}
