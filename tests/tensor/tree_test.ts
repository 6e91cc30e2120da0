import { deepStrictEqual, equal, throws } from "node:assert/strict";
import {
  grad,
  jit,
  mul,
  ones,
  Static,
  sum as total,
  Tensor,
  tensor,
  treeFlatten,
  treeLeaves,
  treeMap,
  treePaths,
  treeUnflatten,
  vmap,
} from "../../tensor/mod.ts";

const X = ones([1]);

/** Trees with their leaves in order and the ways to them. */
const TREES: readonly (readonly [tree: unknown, leaves: readonly unknown[], paths: readonly string[]])[] = [
  [3, [3], [""]],
  [null, [null], [""]],
  [X, [X], [""]],
  [{}, [], []],
  [[], [], []],
  [{ b: 1, a: [2, { d: 3, c: 4 }] }, [2, 4, 3, 1], ["a.0", "a.1.c", "a.1.d", "b"]],
  [{ 10: "ten", 9: "nine", a: undefined }, ["ten", "nine", undefined], ["10", "9", "a"]],
  [[[[X]], { x: X }], [X, X], ["0.0.0", "1.x"]],
];

Deno.test("leaves stand in the order of sorted keys, with their paths, and go back to the same tree", () => {
  for (const [tree, leaves, paths] of TREES) {
    const flat = treeFlatten(tree);
    deepStrictEqual(flat.leaves, leaves);
    deepStrictEqual(treeLeaves(tree), leaves);
    deepStrictEqual(treePaths(tree).map((path) => path.join(".")), paths);
    deepStrictEqual(treeUnflatten(flat.structure, flat.leaves), tree);
  }
});

Deno.test("the order of keys is kept in the result and does not matter to the pairing", () => {
  const sum = treeMap((x: number, y: number) => x + y, { b: 1, a: { d: 2, c: 3 } }, { a: { c: 30, d: 20 }, b: 10 });
  equal(JSON.stringify(sum), JSON.stringify({ b: 11, a: { d: 22, c: 33 } }));
});

const DIFFERENT: readonly (readonly [first: object, second: unknown, message: RegExp])[] = [
  [{ a: 1 }, { b: 1 }, /current tree 2\.a is in the first only/],
  [{ a: 1 }, { a: 1, b: 1 }, /current tree 2\.b is in the other only/],
  [{ a: { b: [1, 2] } }, { a: { b: [1] } }, /current tree 2\.a\.b\[1\] is in the first only/],
  [{ a: { b: 1 } }, { a: { b: { c: 1 } } }, /current tree 2\.a\.b is a leaf in the first and a record in the other/],
  [{ a: [1] }, { a: { 0: 1 } }, /current tree 2\.a is a array in the first and a record in the other/],
];

Deno.test("structures that differ are refused with the key", () => {
  for (const [first, second, message] of DIFFERENT) throws(() => treeMap((x) => x, first, second), message);
});

Deno.test("a tree is not built of too few or too many leaves", () => {
  const { structure } = treeFlatten({ a: 1, b: 2 });
  throws(() => treeUnflatten(structure, [1]), /must have 2 leaves: current number is 1/);
  throws(() => treeUnflatten(structure, [1, 2, 3]), /must have 2 leaves: current number is 3/);
  equal(treeMap(() => X, { a: 1 }).a instanceof Tensor, true);
});

/** A tree whose one leaf lies under so many arrays and records. */
function nestedTree(depth: number): unknown {
  let tree: unknown = X;
  for (let i = 0; i < depth; i++) tree = i % 2 === 0 ? [tree] : { a: tree };
  return tree;
}

Deno.test("a tree may be 1,000 deep; what is deeper, or contains itself, is refused with the bound", () => {
  const deepest = nestedTree(1000);
  const { leaves, structure } = treeFlatten(deepest);
  deepStrictEqual(leaves, [X]);
  deepStrictEqual(treeLeaves(treeUnflatten(structure, leaves)), [X]);
  equal(treePaths(deepest)[0]!.length, 1000);
  const itself: unknown[] = [];
  itself.push(itself);
  for (const tree of [nestedTree(1001), nestedTree(100_000), itself]) {
    throws(() => treeMap((x) => x, tree), /Cannot take a tree apart as it must be nested at most 1000 deep/);
  }
});

Deno.test("Static values are form, not leaves: kept, compared, compiled for, never traced", async () => {
  const tree = { x: tensor([1, 2]), form: new Static({ by: 3 }) };
  deepStrictEqual(treePaths(tree), [["x"]]);
  deepStrictEqual(treeMap(() => 0, tree).form, tree.form);
  treeMap(() => 0, tree, { x: tensor([1]), form: new Static({ by: 3 }) }); // equal data is one form
  throws(
    () => treeMap(() => 0, tree, { ...tree, form: new Static({ by: 4 }) }),
    /form is static \{"by":3\} in the first and \{"by":4\} in the other/,
  );
  throws(() => treeMap(() => 0, tree, { ...tree, form: tensor(0) }), /form is a static in the first and a leaf/);
  let traces = 0;
  const f = jit(({ x, form }: typeof tree) => (traces++, mul(x, form.value.by)));
  deepStrictEqual(await f(tree).data(), new Float32Array([3, 6]));
  await f({ ...tree, form: new Static({ by: 3 }) }).data();
  equal(traces, 1);
  deepStrictEqual(await f({ ...tree, form: new Static({ by: 5 }) }).data(), new Float32Array([5, 10]));
  equal(traces, 2);
  const gradient = grad((t: typeof tree) => total(mul(t.x, t.form.value.by)))(tree);
  deepStrictEqual([await gradient.x.data(), gradient.form], [new Float32Array([3, 3]), tree.form]);
  const mapped = vmap((t: typeof tree) => mul(t.x, t.form.value.by), { inAxes: [{ x: 0, form: null }] })(tree);
  deepStrictEqual(await mapped.data(), new Float32Array([3, 6]));
  throws(() => vmap((t: typeof tree) => t.x, { inAxes: [{ x: 0, form: { by: 0 } }] })(tree), /static value/);
});
