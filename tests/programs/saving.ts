import * as data from "@tessera/tessera/data";
import * as t from "@tessera/tessera/tensor";

const params = {
  layers: [{ w: t.reshape(t.arange(6), [2, 3]), b: t.sin(t.arange(3)) }, { w: t.eye(3), b: t.zeros([3]) }],
};
const path = await Deno.makeTempFile({ suffix: ".npz" });
await data.save(params, path);
const loaded = await data.load(path, params);
await Deno.remove(path);
export const result: t.Tensor[] = [...t.treeLeaves(loaded)];
