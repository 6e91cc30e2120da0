import { deepStrictEqual, equal, match, rejects } from "node:assert/strict";
import { random, type Tensor, treeFlatten, treeUnflatten } from "../../../tensor/mod.ts";
import { add } from "../../../tensor/mod.ts";
import { encodePth, readSafetensorsHeader, readStateDict } from "../../../data/mod.ts";
import { backboneOf, backboneStateDict, init, initFinetune, pretrainOptimizer, save } from "../../../spark/mod.ts";
import { adamw } from "../../../nn/mod.ts";
import { convertFile } from "../../../spark/commands/convert/convert.ts";
import { headFor } from "../../../spark/commands/finetune/pretrained.ts";
import { classesOf, modelOf, networkOf, openWeights } from "../../../spark/commands/shared/weight_file.ts";
import { weightPath } from "../../../spark/commands/shared/weight_path.ts";
import { MODELS } from "../../../spark/train/model_table.ts";
import { withFolder } from "../../data/support.ts";

const MINI = MODELS.mini_resnet8!.make();
const CLASSES = ["ant", "bee", "cat"];

/** Every floating tensor one larger. */
function moved<T>(tree: T): T {
  const { leaves, structure } = treeFlatten(tree);
  return treeUnflatten(structure, (leaves as readonly Tensor[]).map((x) => x.dtype === "int32" ? x : add(x, 1))) as T;
}

/** A run folder of fine-tuning: raw weights and an average that is one larger. */
async function finetuned(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const train = initFinetune(MINI, adamw({ learningRate: 1 }), random.key(0), { classes: 3 });
  const average = { params: moved(train.params), state: moved(train.state) };
  const options = { task: "finetune", model: "mini_resnet8", inputSize: [32, 32] };
  const configuration = { options, images: "3:abc", step: 4, classes: CLASSES };
  await save(`${folder}/last.safetensors`, { ...train, average }, { configuration });
}

async function firstNumber(path: string): Promise<number> {
  const { params } = backboneOf(await readStateDict(path), MINI);
  return (await (params as { conv1: { weight: Tensor } }).conv1.weight.data())[0]!;
}

Deno.test("convert takes a run folder, its average unless --weights raw, and keeps the names of the classes", () =>
  withFolder({}, async (folder) => {
    const file = (name: string) => `${folder}/${name}`;
    await finetuned(file("run"));
    for (const [out, more] of [["a", []], ["b", ["--weights", "raw"]], ["c", ["--weights", "average"]]] as const) {
      equal(await convertFile([file("run"), file(`${out}.safetensors`), "--to", "pytorch", ...more]), 0);
    }
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((out) => firstNumber(file(`${out}.safetensors`))));
    deepStrictEqual([a! - b! > 0.99, a === c], [true, true]);
    deepStrictEqual(JSON.parse((await readSafetensorsHeader(file("a.safetensors"))).metadata.classes!), CLASSES);
    equal(await convertFile([file("run"), file("d.pth"), "--to", "pytorch"]), 0);
    const beside = JSON.parse(await Deno.readTextFile(file("d.json")));
    deepStrictEqual([beside.model, beside.classes, beside.inputSize], ["mini_resnet8", CLASSES, [32, 32]]);
    match(await Deno.readTextFile(file("d.py")), /BatchNorm2d\(16\).*\n.*\n.*zip\(\[1, 1, 1\], \[16, 32, 64\]\)/);
    equal(await convertFile([file("d.pth"), file("e.safetensors"), "--to", "safetensors"]), 0);
    for (const name of ["run/last.safetensors", "a.safetensors", "d.pth", "e.safetensors"]) {
      deepStrictEqual(classesOf(await openWeights(file(name), { option: "--init" })), CLASSES, name);
    }
    await rejects(
      convertFile([file("run"), file("f.pth"), "--to", "pytorch", "--weights", "ema"]),
      /--weights must name one of its sets: current value is ema, sets are average/,
    );
  }));

Deno.test("convert refuses libraries that have no such network, and names those that have", () =>
  withFolder({}, async (folder) => {
    await finetuned(`${folder}/run`);
    for (const to of ["torchvision", "timm", "huggingface", "detectron2"]) {
      await rejects(
        convertFile([`${folder}/run`, `${folder}/x.safetensors`, "--to", to]),
        new RegExp(
          `Cannot convert mini_resnet8 to ${to} .* no ResNet whose stem is 3×3; .* --to safetensors, official, pytorch, onnx`,
        ),
      );
    }
    deepStrictEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["run"]);
  }));

Deno.test("weightPath() takes the weights of a folder and says so; what is none names the option", () =>
  withFolder({ "hf/model.safetensors.index.json": new Uint8Array(1), "empty/x": new Uint8Array(1) }, async (folder) => {
    await finetuned(`${folder}/run`);
    const said: string[] = [];
    const tell = (line: string) => void said.push(line);
    equal(weightPath(`${folder}/run/`, "--init", tell), `${folder}/run/last.safetensors`);
    equal(weightPath(`${folder}/hf`, "--init", tell), `${folder}/hf/model.safetensors.index.json`);
    equal(said[0], `--init ${folder}/run/ is a folder: takes ${folder}/run/last.safetensors`);
    await Deno.copyFile(`${folder}/run/last.safetensors`, `${folder}/run/evaluated.safetensors`);
    equal(weightPath(`${folder}/run`, "--init", tell), `${folder}/run/evaluated.safetensors`);
    equal(weightPath(`${folder}/run`, "--init", tell, "raw"), `${folder}/run/last.safetensors`);
    const refused = (path: string, message: RegExp) =>
      rejects(openWeights(`${folder}/${path}`, { option: "--init-weight" }), message);
    await refused(
      "empty",
      /--init-weight must name a file of weights, a run folder \(last\.safetensors\).*has none of them/,
    );
    await refused("absent", /--init-weight must name .* current path .*absent is missing$/);
    await Deno.symlink("nowhere", `${folder}/link`);
    await refused("link", /link is missing; it is a link that leads nowhere$/);
    await refused("*.pth", /is missing; nothing is put in place of \* and \? here/);
    const bare = (path: string, message: RegExp) => rejects(openWeights(path, { option: "--init" }), message);
    await bare("/dev/null", /current path \/dev\/null is a pipe or a device; write what comes out of it into a file$/);
    await bare("resnet18", /is missing; it is the name of a model: --model takes it$/);
    await bare("https://example.com/a.pth", /is missing; it is an address, from which nothing is fetched/);
    await bare("~/a.pth", /is missing; a shell puts the home folder in place of ~/);
  }));

Deno.test("openWeights() and networkOf() name the option, the true kind, and the model that a file holds", () =>
  withFolder({
    "optimizer.pth": encodePth(new Map<string, unknown>([["state", new Map()], ["param_groups", []]])),
    "page.pth": new TextEncoder().encode("<!doctype html><html>"),
    "other.pth": encodePth("text"),
  }, async (folder) => {
    await finetuned(`${folder}/run`);
    const open = (name: string) => openWeights(`${folder}/${name}`, { option: "--init" });
    await rejects(open("page.pth"), /an HTML page; .* \(--init\)$/);
    await rejects(open("optimizer.pth"), /current keys are state, param_groups, the state of an optimizer alone/);
    await rejects(open("other.pth"), /must hold a dictionary of tensors: .* \(--init\)$/);
    const file = await open("run");
    equal(modelOf(file).name, "mini_resnet8");
    // Files that lack a weight, or have one of another shape, are told as what they nearly are.
    const official = await backboneStateDict(MODELS.resnet18!.make().init(random.key(0)), { naming: "official" });
    const [[first, weight] = ["", undefined], ...others] = [...official];
    const changed = { ...file, extra: new Map(), set: "", sets: [] };
    const lacking = { ...changed, tensors: Object.fromEntries(others) };
    const strange = {
      ...changed,
      tensors: { ...lacking.tensors, [first]: { ...weight!, shape: [1, ...weight!.shape] } },
    };
    for (const near of [lacking, strange]) {
      await rejects(
        () => Promise.resolve().then(() => networkOf(near, modelOf(near))),
        new RegExp(`into resnet18 as .*${first.replaceAll(".", "\\.")}`),
      );
    }
    const wrong = () => Promise.resolve().then(() => networkOf(file, MODELS.resnet18!.make()));
    await rejects(
      wrong,
      /into resnet18 as it must hold that model: current file holds mini_resnet8; leave --model out/,
    );
    const nameless = { ...file, extra: new Map() };
    await rejects(
      () => Promise.resolve().then(() => networkOf(nameless, MODELS.tiny_resnet8!.make())),
      /current file holds mini_resnet8/,
    );
  }));

Deno.test("a head is kept for the same classes in the same order, else it is said why it is fresh", () =>
  withFolder({}, async (folder) => {
    await finetuned(`${folder}/run`);
    const file = await openWeights(`${folder}/run`, { option: "--init" });
    const network = { ...networkOf(file, MINI), classes: classesOf(file) };
    deepStrictEqual(headFor(network, CLASSES), { params: network.head, said: "kept" });
    const said = (changes: Partial<typeof network>, classes: readonly string[]) =>
      headFor({ ...network, ...changes }, classes).said;
    equal(said({}, ["ant", "cat", "bee"]), "fresh, as class 1 is bee there and cat in the data");
    equal(said({}, ["ant", "bee"]), "fresh, as the data have 2 classes");
    equal(said({ classes: null }, CLASSES), "fresh, as the file does not name its classes");
    equal(said({ head: null }, CLASSES), "fresh, as the file has none");
    const start = initFinetune(MINI, adamw({ learningRate: 1 }), random.key(1), { classes: 3, backbone: network });
    equal(start.params.head, network.head);
    await rejects(
      () =>
        Promise.resolve().then(() =>
          initFinetune(MINI, adamw({ learningRate: 1 }), random.key(1), { classes: 4, backbone: network })
        ),
      /head of the backbone must be of 4 classes/,
    );
  }));

Deno.test("pre-training's average goes without the optimizer, its raw weights with it", () =>
  withFolder({}, async (folder) => {
    const train = init(MINI, pretrainOptimizer({ learningRate: 1e-3 }), random.key(0), { decoderWidth: 8 });
    const average = { params: moved(train.params), state: moved(train.state) };
    const configuration = { options: { model: "mini_resnet8", inputSize: [32, 32] }, images: "2:a", step: 0 };
    await save(`${folder}/last.safetensors`, { ...train, average }, { configuration });
    const counts: number[] = [];
    for (const weights of ["average", "raw"]) {
      equal(
        await convertFile([folder, `${folder}/${weights}.safetensors`, "--to", "safetensors", "--weights", weights]),
        0,
      );
      const { tensors } = await readStateDict(`${folder}/${weights}.safetensors`);
      counts.push(Object.keys(tensors).filter((name) => name.startsWith("optimizer.")).length);
    }
    deepStrictEqual([counts[0], counts[1]! > 100], [0, true]);
  }));
