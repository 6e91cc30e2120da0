import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import { random } from "../../../tensor/mod.ts";
import { readPth, readStateDict, writeSafetensors } from "../../../data/mod.ts";
import { init, pretrainOptimizer, save } from "../../../spark/mod.ts";
import { convertFile } from "../../../spark/commands/convert/convert.ts";
import { inspectFile } from "../../../spark/commands/inspect/inspect.ts";
import { inspect } from "../../../spark/commands/inspect/inspection.ts";
import { MODELS } from "../../../spark/train/model_table.ts";
import { withFolder } from "../../data/support.ts";
import { runHere } from "./command_here.ts";

const OPTIONS = { model: "tiny_resnet8", inputSize: [96, 96], maskRatio: 0.6 };

async function checkpoint(path: string): Promise<void> {
  const train = init(MODELS[OPTIONS.model]!.make(), pretrainOptimizer({ learningRate: 1e-3 }), random.key(0), {
    decoderWidth: 8,
  });
  await save(path, train, { configuration: { options: OPTIONS, images: "2:abc", step: 0 } });
}

Deno.test("convert keeps every weight and moment on the way to the official names and back", () =>
  withFolder({}, async (folder) => {
    const file = (name: string) => `${folder}/${name}`;
    await checkpoint(file("a.safetensors"));
    const first = await runHere(convertFile, [file("a.safetensors"), file("b.pth"), "--to", "official"]);
    deepStrictEqual([first.code, first.err], [0, []]);
    match(
      first.out.join("\n"),
      /Wrote .*b\.pth: all weights and the optimizer of tiny_resnet8 as official, \d+ tensors, /,
    );
    const official = await readPth(file("b.pth")) as Map<string, unknown>;
    deepStrictEqual([official.get("arch"), official.get("input_size")], ["tiny_resnet8", 96]);
    equal(await convertFile([file("b.pth"), file("c.safetensors"), "--to", "safetensors"]), 0);
    const [before, after] = [await readStateDict(file("a.safetensors")), await readStateDict(file("c.safetensors"))];
    // The official file does not say which link of the optimizer keeps a moment.
    const byName = (name: string) => name.replace(/^optimizer\.links\.\d+\./, "optimizer.moments.");
    const kept = ({ tensors }: typeof before) =>
      Object.entries(tensors).filter(([name]) => name !== "key").map(([name, x]) => [byName(name), x]);
    deepStrictEqual(kept(after), kept(before));
    equal(await convertFile([file("b.pth"), file("d.pth"), "--to", "pytorch"]), 0);
    const inspected = inspect(await readStateDict(file("d.pth")));
    deepStrictEqual([inspected.container, inspected.model, inspected.decoderWidth], ["pth", "tiny_resnet8", null]);
    deepStrictEqual(inspected.tensors[0], { name: "conv1.weight", dtype: "F32", shape: [32, 3, 3, 3] });
    const shown = (await runHere(inspectFile, [file("b.pth")])).out.join("\n");
    match(shown, /model: tiny_resnet8 with a decoder of width 8, names of official/);
    match(shown, /config:\n {2}mask_ratio: 0.6\n {2}densify_norm_str: "bn"/);
    match(shown, /\ndtype {2}shape +name\n/);
  }));

Deno.test("convert and inspect refuse in a line what does not fit", () =>
  withFolder({ "x.bin": Uint8Array.of(1, 2, 3), "os.pth": evil() }, async (folder) => {
    const file = (name: string) => `${folder}/${name}`;
    await checkpoint(file("a.safetensors"));
    await writeSafetensors(file("other.safetensors"), { w: { dtype: "F32", shape: [1], data: Float32Array.of(1) } });
    const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
      [[file("a.safetensors")], /Cannot convert as there must be IN and OUT: current number of files is 1/],
      [
        [file("a.safetensors"), file("b.pth")],
        /--to must be one of safetensors, official, timm, .*: current value is absent/,
      ],
      [
        [file("a.safetensors"), file("b.txt"), "--to", "timm"],
        /must end with .safetensors, .pth, .npz: current ending is txt/,
      ],
      [
        [file("a.safetensors"), file("x.bin.pth"), "--to", "timm", "--model", "x"],
        /--model as it must be one of tiny_resnet8/,
      ],
      [
        [file("a.safetensors"), file("b.pth"), "--to", "timm", "--model", "resnet50"],
        /into resnet50 as it must hold that model: current file holds tiny_resnet8/,
      ],
      [[file("a.safetensors"), file("os.pth"), "--to", "timm"], /must not exist yet/],
      [[file("x.bin"), file("b.pth"), "--to", "timm"], /Cannot read .*x.bin as weights .* of a kind that is not known/],
      [[file("os.pth"), file("b.pth"), "--to", "timm"], /Cannot read .*os.pth as a pickle .* name is posix.system/],
      [[file("other.safetensors"), file("b.pth"), "--to", "timm"], /Cannot tell the model of .*: current names are w;/],
      [[file("a.safetensors"), file("b.pth"), "--no-such"], /--no-such as it must be an option/],
    ];
    for (const [args, message] of cases) await rejects(convertFile(args), message);
    const { code, err } = await runHere(convertFile, [file("os.pth"), file("b.pth"), "--to", "timm"]);
    match(err[0]!, /^Cannot read .*os.pth as a pickle .* name is posix.system/);
    deepStrictEqual([code, err.length], [1, 1]);
    equal(inspect(await readStateDict(file("other.safetensors"))).model, null);
    ok([...Deno.readDirSync(folder)].every(({ name }) => name !== "b.pth"));
  }));

function evil(): Uint8Array {
  return Deno.readFileSync(new URL("../../golden/files/os_system.pth", import.meta.url));
}
