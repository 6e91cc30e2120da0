/** @file What checkpoints keep: values and derivatives as without them, products not computed again, the printed list. */
import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import {
  add,
  checkpoint,
  checkpointName,
  checkpointPolicies,
  type CheckpointPolicy,
  cond,
  customVjp,
  exp,
  grad,
  greater,
  jit,
  jvp,
  matmul,
  mul,
  openDevice,
  random,
  referenceDevice,
  savedResiduals,
  scan,
  sin,
  sum,
  tanh,
  type Tensor,
  tensor,
  vjp,
  vmap,
} from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

const {
  nothingSaveable,
  everythingSaveable,
  dotsSaveable,
  saveOnlyTheseNames,
  saveAnyNamesButThese,
  saveAnythingExceptTheseNames,
  saveFromBothPolicies,
} = checkpointPolicies;

const POLICIES: Readonly<Record<string, CheckpointPolicy>> = {
  nothing: nothingSaveable,
  everything: everythingSaveable,
  dots: dotsSaveable,
  "only names": saveOnlyTheseNames("h"),
  "other names": saveAnyNamesButThese("g"),
  "all but names": saveAnythingExceptTheseNames("h"),
  "both": saveFromBothPolicies(dotsSaveable, saveOnlyTheseNames("g")),
  "a predicate": ({ operation, shape }) => operation === "exp" || shape.length === 0,
};

const doubled = customVjp((x: Tensor) => mul(x, 2), (_x, y, cotangent) => [mul(cotangent, add(mul(y, 0), 2))]);

type Layer = (w: Tensor, x: Tensor) => Tensor;
const FUNCTIONS: Readonly<Record<string, Layer>> = {
  block: (w, x) => tanh(matmul(exp(checkpointName(tanh(matmul(x, w)), "h")), checkpointName(sin(w), "g"))),
  "a custom rule": (w, x) => sin(doubled(matmul(sin(x), doubled(w)))),
  "a loop": (w, x) => scan((c: Tensor) => [tanh(matmul(c, w)), sum(c)], x, null, { length: 3 })[0],
  "a branch": (w, x) => cond(greater(sum(x), 0), (a: Tensor) => sin(matmul(a, w)), (a: Tensor) => mul(a, a), tanh(x)),
  "a checkpoint within": (w, x) => checkpoint((w: Tensor, y: Tensor) => exp(tanh(matmul(y, w))))(w, sin(x)),
  noise: (w, x) => mul(random.normal(random.key(1), x.shape), exp(matmul(x, w))),
  "its argument itself": (w, x) => add(mul(x, x), sum(w)),
};

const [w, x, t] = [0, 1, 2].map((seed) =>
  tensor(Float32Array.from({ length: seed === 0 ? 9 : 6 }, (_, i) => Math.sin(3 * i + seed) / 2), {
    shape: [seed === 0 ? 3 : 2, 3],
  })
) as [Tensor, Tensor, Tensor];

const loss = (f: Layer) => (w: Tensor, x: Tensor) => sum(mul(f(w, f(w, x)), t));
const penalty = (f: Layer) => (w: Tensor) => sum(sin(grad(loss(f))(w, x)));

const DERIVATIVES: Readonly<Record<string, (f: Layer) => Tensor>> = {
  value: (f) => loss(f)(w, x),
  gradient: (f) => grad(loss(f), { argnums: 1 })(w, x),
  "captured weights": (f) => grad((w: Tensor) => sum(f(w, mul(w, w))))(w),
  "gradient of the gradient": (f) => grad(penalty(f))(w),
  "a tangent of the gradient": (f) => jvp((w: Tensor) => grad(loss(f))(w, x), [w], [mul(w, w)])[1],
  "a cotangent": (f) => vjp(f, w, x)[1](t)[0],
  "gradients of a batch": (f) =>
    vmap(grad(loss(f)), { inAxes: [0, null] })(tensor([[...W], [...W].reverse()].map(rows)), x),
};
const W = Array.from({ length: 9 }, (_, i) => Math.cos(i) / 2);
const rows = (x: readonly number[]) => [x.slice(0, 3), x.slice(3, 6), x.slice(6)];

const device = referenceDevice();
const read = async (y: Tensor) => await y.data({ device });

for (const [name, policy] of Object.entries(POLICIES)) {
  Deno.test(`checkpoint that saves ${name} changes no value and no derivative, with jit and without`, async () => {
    for (const [of, f] of Object.entries(FUNCTIONS)) {
      for (const [what, derive] of Object.entries(DERIVATIVES)) {
        if (of === "a branch" && what.startsWith("gradients of a batch")) continue; // its predicate is not mapped
        const expected = await read(derive(f));
        const g = checkpoint(f, { policy });
        const label = `${what} of ${of}`;
        assertClose(await read(derive(g)), expected, { absolute: 1e-9, relative: 1e-9 }, label);
        const compiled = jit(() => derive(g), { device });
        assertClose(await read(compiled()), expected, { absolute: 1e-9, relative: 1e-9 }, `${label}, compiled`);
      }
    }
  });
}

const step = (policy: CheckpointPolicy | null) => {
  const block = FUNCTIONS["block"]!;
  const f = policy ? checkpoint(block, { policy }) : block;
  return jit(grad((w: Tensor, x: Tensor) => sum(f(w, f(w, f(w, f(w, x)))))), {});
};
const [wide, batch] = [random.normal(random.key(0), [32, 32]), random.normal(random.key(1), [128, 32])];

Deno.test("Products that are kept are not computed again; keeping nothing needs the least memory", () => {
  const costs = (policy: CheckpointPolicy | null) => step(policy).stats(mul(wide, 0.1), batch);
  const [plain, dots, nothing, all] = [null, dotsSaveable, nothingSaveable, everythingSaveable].map(costs);
  equal(dots!.flops, plain!.flops);
  equal(all!.flops, plain!.flops);
  ok(nothing!.flops > 1.2 * plain!.flops, `${nothing!.flops} of ${plain!.flops}`);
  ok(nothing!.plannedBytes < plain!.plannedBytes, `${nothing!.plannedBytes} of ${plain!.plannedBytes}`);
  ok(dots!.plannedBytes <= plain!.plannedBytes, `${dots!.plannedBytes} of ${plain!.plannedBytes}`);
});

async function agrees(device: Awaited<ReturnType<typeof openDevice>>): Promise<void> {
  const f = (policy?: CheckpointPolicy) =>
    jit(grad(loss(policy ? checkpoint(FUNCTIONS["block"]!, { policy }) : FUNCTIONS["block"]!)), { device });
  const expected = await f()(w, x).data({ device });
  for (const policy of Object.values(POLICIES)) assertClose(await f(policy)(w, x).data({ device }), expected);
}

Deno.test("checkpoints with policies agree on cpu", async () => await agrees(await openDevice("cpu")));
testWebgpu("checkpoints with policies agree on webgpu", agrees);

Deno.test("savedResiduals() lists what each policy keeps", () => {
  const kept = (policy: CheckpointPolicy | null) => {
    const f = FUNCTIONS["block"]!;
    return savedResiduals(policy ? checkpoint(f, { policy }) : f)(w, x).residuals.map(({ from }) => from);
  };
  const args = ["argument 0", "argument 1"];
  deepStrictEqual(kept(nothingSaveable), args);
  deepStrictEqual(kept(dotsSaveable), [...args, "matmul", "matmul"]);
  deepStrictEqual(kept(saveOnlyTheseNames("h")), [...args, "named h"]);
  deepStrictEqual(kept(saveOnlyTheseNames("g")), [...args, "named g"]);
  const anyName = (list: readonly string[]) => list.map((from) => from === "named h" ? "tanh" : from);
  deepStrictEqual(anyName(kept(null)), [...args, "tanh", "exp", "named g", "tanh"]);
  deepStrictEqual(anyName(kept(everythingSaveable)), anyName(kept(null)));
  const list = savedResiduals(({ w, n }: { w: Tensor; n: Tensor }) => exp(add(w, n)))({ w, n: tensor(1) });
  equal(String(list), "float32[3,3] from exp\n36 bytes in all");
  equal(list.bytes, 36);
});

Deno.test("A function that does not do the same again is refused, and so is what is no policy", () => {
  let calls = 0;
  const f = checkpoint((x: Tensor) => calls++ === 0 ? sin(exp(x)) : sin(tanh(x)), { policy: everythingSaveable });
  throws(() => grad(f)(tensor(1)), /must do the same when it is run again: current operation is tanh/);
  throws(() => checkpoint(sin, { policies: dotsSaveable } as never), TypeError);
  throws(() => saveOnlyTheseNames(["h"] as never), /names must be strings/);
});
