import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { add, type Tensor, tensor, type Tree, treeLeaves, treePaths, zeros } from "../../../tensor/mod.ts";
import { load, save, writeNpz, writeSafetensors } from "../../../data/mod.ts";
import { withFolder } from "../support.ts";

const TREE = {
  layers: [{ w: tensor([[1, 2], [3, 4]]), b: tensor([], { dtype: "float32" }) }, {
    w: tensor(5),
    b: tensor([NaN, -0]),
  }],
  counts: { seen: tensor([-1, 2 ** 31 - 1], { dtype: "int32" }), keys: tensor([2 ** 32 - 1], { dtype: "uint32" }) },
  mask: tensor([true, false]),
  narrow: [tensor(new Float16Array([0.1, -0, NaN])), tensor(Int8Array.of(-128, 127, 1)), tensor(Uint8Array.of(255))],
};

for (const ending of ["safetensors", "npz"]) {
  Deno.test(`save() and load() keep a tree in .${ending}: values to the bit, types, shapes, structure`, () =>
    withFolder({}, async (folder) => {
      const path = `${folder}/tree.${ending}`;
      await save(TREE, path);
      for (const back of [await load(path), await load(path, TREE)] as Tree[]) {
        deepStrictEqual(treePaths(back), treePaths(TREE));
        for (const [i, x] of treeLeaves(TREE).entries()) {
          const y = treeLeaves(back)[i]!;
          deepStrictEqual([y.dtype, y.shape], [x.dtype, x.shape]);
          deepStrictEqual(await y.data(), await x.data());
        }
      }
      await save({ w: add(tensor([1]), 1) }, path); // computed, and over the old file
      deepStrictEqual(treePaths(await load(path)), [["w"]]);
    }));
}

Deno.test("load() converts types of other programs where that loses nothing, and refuses numbers that do not fit", () =>
  withFolder({}, async (folder) => {
    const path = `${folder}/other.npz`;
    const rows = [
      [{ dtype: "U8", shape: [2], data: Uint8Array.of(7, 255) }, new Uint8Array([7, 255])],
      [{ dtype: "I8", shape: [1], data: Int8Array.of(-7) }, new Int8Array([-7])],
      [{ dtype: "I16", shape: [1, 1], data: Int16Array.of(-9) }, new Int32Array([-9])],
      [{ dtype: "I64", shape: [2], data: BigInt64Array.of(-1n, 7n) }, new Int32Array([-1, 7])],
      [{ dtype: "F16", shape: [1], data: Uint16Array.of(0x3e00) }, new Float16Array([1.5])],
    ] as const;
    for (const [saved, expected] of rows) {
      await writeNpz(path, { a: saved });
      const { a } = await load(path) as { a: Tensor };
      deepStrictEqual([a.shape, await a.data()], [saved.shape, expected]);
    }
    await writeNpz(path, { a: { dtype: "F16", shape: [1], data: Uint16Array.of(0x3e00) } });
    const { a } = await load(path, { a: zeros([1]) }); // float32 holds all of float16
    deepStrictEqual([a.dtype, await a.data()], ["float32", new Float32Array([1.5])]);
    await rejects(load(path, { a: zeros([1], { dtype: "int32" }) }), /a must be int32 \[1\]: current a is float16/);
    await writeNpz(path, { a: { dtype: "I64", shape: [1], data: BigInt64Array.of(1n << 40n) } });
    await rejects(load(path), /of I64 must fit into int32: current value in a is 1099511627776/);
  }));

Deno.test("load() into a form names the leaf that differs; save() refuses names that cannot come back", () =>
  withFolder({}, async (folder) => {
    const path = `${folder}/tree.safetensors`;
    await save({ w: zeros([2]) }, path);
    await rejects(load(path, { w: zeros([3]) }), /w must be float32 \[3\]: current w is float32 \[2\]/);
    await rejects(load(path, { w: zeros([2]), b: zeros([1]) }), /b must be float32 \[1\]: current b is absent/);
    await rejects(load(path, {}), /w must be absent: current w is float32 \[2\]/);
    await rejects(save({ "a.b": zeros([1]) }, path), /keys must not be empty or hold a point: current key is "a.b"/);
    await rejects(save({ w: 1 } as unknown as Tree, path), /Cannot save a tree as w must be a tensor/);
    await rejects(save({ w: zeros([1]) }, `${folder}/tree.bin`), /name must end with .safetensors or .npz/);
    await rejects(load(`${folder}/none.npz`), /none.npz/);
    const one = { dtype: "F32", shape: [1], data: Float32Array.of(1) } as const;
    await writeSafetensors(path, { a: one, "a.b": one }, {});
    await rejects(load(path), /no tensor may lie below another/);
    equal((await Array.fromAsync(Deno.readDir(folder))).length, 1);
  }));
