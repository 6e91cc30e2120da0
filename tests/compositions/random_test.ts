import { deepStrictEqual } from "node:assert/strict";
import * as t from "../../tensor/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";
import { drawer, type Jet, known, randomComposition } from "./random_composition.ts";

type Scalar = (x: Tensor) => Tensor;
type Way = (f: Scalar) => Scalar;

/** What changes no value. */
const SAME: Readonly<Record<string, Way>> = {
  plain: (f) => f,
  jit: (f) => t.jit(f),
  checkpoint: (f) => t.checkpoint(f),
  vmap: (f) => (x) => t.at(t.vmap(f)(t.stack([x, t.mul(x, 0.5)])), 0).get(),
  scan: (f) => (x) => t.scan((_: Tensor, row: Tensor) => [f(row), null], t.tensor(0), t.stack([x]))[0],
  cond: (f) => (x) => t.cond(t.greater(x, -99), f, (y: Tensor) => t.mul(y, 0), x),
};

const DERIVATIVE: Readonly<Record<string, Way>> = {
  grad: (f) => t.grad(f),
  jvp: (f) => (x) => t.jvp(f, [x], [t.tensor(1)])[1] as Tensor,
  vjp: (f) => (x) => t.vjp(f, x)[1](t.tensor(1))[0],
  linearize: (f) => (x) => t.linearize(f, x)[1](t.tensor(1)) as Tensor,
  jacfwd: (f) => t.jacfwd(f),
  jacrev: (f) => t.jacrev(f),
};

/** Where functions are differentiated, and another variable of theirs. */
const [AT, OTHER] = [0.7, -0.4];

/** What is wrong with one composition under random transformations. */
async function faultOf(seed: number): Promise<string | null> {
  const draw = drawer(seed);
  const { text, jet, tensor } = randomComposition(draw, 3, 2);
  const pick = (ways: typeof SAME) => Object.entries(ways)[draw(Object.keys(ways).length)]!;
  const [[inner, of], [first, d1]] = [pick(SAME), pick(DERIVATIVE)];
  const [[outer, around], [second, d2]] = [pick(SAME), pick(DERIVATIVE)];
  const f = of((x) => tensor([x, t.tensor(OTHER)]));
  const found = [f, around(d1(f)), d2(around(d1(f)))];
  const wanted: Jet = jet([[AT, 1, 0], known(OTHER)]);
  for (const [order, g] of found.entries()) {
    const value = await g(t.tensor(AT)).item();
    if (Math.abs(value - wanted[order]!) <= 1e-4 * (1 + Math.abs(wanted[order]!))) continue;
    return `seed ${seed}, order ${order}, ${second}(${outer}(${first}(${inner}))): ${value}, not ${
      wanted[order]
    }: ${text}`;
  }
  return null;
}

Deno.test("random compositions have the values and derivatives of their definition", async () => {
  const before = t.defaultDevice();
  t.setDefaultDevice(t.referenceDevice());
  try {
    const faults: string[] = [];
    for (let seed = 1; seed <= 100; seed++) {
      const fault = await faultOf(seed).catch((error: Error) => `seed ${seed}: ${error.message}`);
      if (fault) faults.push(fault);
    }
    deepStrictEqual(faults, []);
  } finally {
    t.setDefaultDevice(before);
  }
});
