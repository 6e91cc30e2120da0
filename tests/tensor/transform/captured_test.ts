/** @file What bodies of loops carry and read, used by a function inside that is not given it. */
import { equal, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";

const { add, checkpoint, checkpointPolicies, customVjp, exp, foriLoop, grad, jit, mul, scan, sin, sum, tensor, vmap } =
  t;

type Wrap = (f: (a: Tensor) => Tensor) => (a: Tensor) => Tensor;

/** How a function inside a body is wrapped: none may change a derivative. */
const WRAPS: Readonly<Record<string, Wrap>> = {
  "a checkpoint": (f) => checkpoint(f),
  "a checkpoint that keeps all": (f) => checkpoint(f, { policy: checkpointPolicies.everythingSaveable }),
  "a checkpoint in a checkpoint": (f) => checkpoint((a) => checkpoint(f)(a)),
  "a jitted function": (f) => jit(f),
  "a jitted checkpoint": (f) => jit(checkpoint(f)),
};

/** Loops over functions of one tensor that use what is carried, or read, from outside. */
const LOOPS: Readonly<Record<string, (wrap: Wrap) => (x: Tensor) => Tensor>> = {
  "the carry of scan": (wrap) => (x) =>
    scan((c: Tensor) => [wrap((a) => mul(a, sin(c)))(tensor(2)), null], x, null, { length: 3 })[0],
  "a value made of the carry": (wrap) => (x) =>
    scan(
      (c: Tensor) => {
        const power = exp(mul(c, 0.1));
        return [wrap((a) => mul(a, power))(tensor(0.5)), null];
      },
      x,
      null,
      { length: 2 },
    )[0],
  "rows of scan, backwards": (wrap) => (x) =>
    scan(
      (c: Tensor, r: Tensor) => [add(mul(c, 0.5), wrap((a) => mul(a, mul(r, r)))(c)), null],
      tensor(1),
      mul(x, tensor([1, 2])),
      {
        reverse: true,
      },
    )[0],
  "the carry of foriLoop": (wrap) => (x) =>
    foriLoop(0, 3, (i, c: Tensor) => wrap((a) => add(a, mul(c, i)))(tensor(1)), x),
  "the carry of the loop around": (wrap) => (x) =>
    scan(
      (c: Tensor) => [scan((d: Tensor) => [wrap((a) => mul(a, c))(d), null], tensor(1), null, { length: 2 })[0], null],
      x,
      null,
      { length: 2 },
    )[0],
  "carries of examples": (wrap) => (x) =>
    sum(
      vmap((y: Tensor) =>
        scan((c: Tensor) => [wrap((a) => mul(a, sin(c)))(tensor(2)), null], y, null, { length: 2 })[0]
      )(mul(x, tensor([1, 0.5]))),
    ),
};

Deno.test("a function in a loop gets the gradient of what it uses without being given it", async () => {
  const device = t.referenceDevice();
  const x = tensor(0.7);
  for (const [loop, make] of Object.entries(LOOPS)) {
    const plain = make((f) => f);
    for (const [name, wrap] of Object.entries(WRAPS)) {
      const f = make(wrap);
      for (const  of of[(g: typeof f) => g, (g: typeof f) => grad(g), (g: typeof f) => grad(grad(g))]) {
        const [found, wanted] = [await of(f)(x).data({ device }), await of(plain)(x).data({ device })];
        assertClose(found, wanted, { absolute: 1e-9, relative: 1e-9 }, `${name}, ${loop}`);
      }
    }
  }
});

Deno.test("customVjp() refuses what it would lose in a loop, and computes where nothing is differentiated", async () => {
  const own: Wrap = (f) => customVjp(f, (_args, _output, cotangent) => [cotangent]);
  for (const [name, make] of Object.entries(LOOPS)) {
    throws(() => grad(make(own))(tensor(0.7)), /Cannot customVjp as every differentiated tensor/, name);
    const [found, wanted] = [await make(own)(tensor(0.7)).item(), await make((f) => f)(tensor(0.7)).item()];
    equal(found, wanted, name);
  }
});

const { cond, greater, stopGradient, switchCase } = t;

/** Functions of x whose derivative some part is easily lost of, and the derivative at 3. */
const DERIVATIVES: Readonly<Record<string, readonly [f: (x: Tensor) => Tensor, derivative: number]>> = {
  "given to a checkpoint and captured": [(x) => checkpoint((a: Tensor) => mul(a, x))(x), 6],
  "given twice and captured": [(x) => checkpoint((a: Tensor, b: Tensor) => mul(a, mul(b, x)))(x, x), 27],
  "captured and returned": [(x) => checkpoint((_: Tensor) => x)(x), 1],
  "given, captured, kept": [
    (x) => checkpoint((a: Tensor) => exp(mul(a, mul(x, 1 / 9))), { policy: checkpointPolicies.everythingSaveable })(x),
    Math.E * 2 / 3,
  ],
  "captured within a checkpoint that keeps what it captures itself": [
    (x) =>
      checkpoint(
        (c: Tensor) => mul(checkpoint((a: Tensor) => mul(a, mul(x, c)))(tensor(1)), x),
        { policy: checkpointPolicies.everythingSaveable },
      )(tensor(2)),
    12,
  ],
  "shared by branches that each example chooses for itself": [
    (x) => sum(vmap((r: Tensor) => cond(greater(r, 0), () => mul(x, r), () => mul(x, 3)))(tensor([2, -1]))),
    5,
  ],
  "an operand of such branches": [
    (x) => sum(vmap((r: Tensor) => cond(greater(r, 0), (y) => mul(y, r), (y) => mul(y, y), x))(tensor([2, -1]))),
    8,
  ],
  "shared by one branch of three": [
    (x) =>
      sum(
        vmap((i: Tensor) => switchCase(i, [() => tensor(1), () => x, () => mul(x, x)]))(
          tensor([0, 1, 2], { dtype: "int32" }),
        ),
      ),
    7,
  ],
  "captured beside an example that depends on it through stopGradient": [
    (x) =>
      sum(
        vmap((r: Tensor) => checkpoint((a: Tensor) => mul(mul(r, x), a))(tensor(1)))(
          mul(stopGradient(x), tensor([1, 2])),
        ),
      ),
    9,
  ],
};

type Derivative = (f: (x: Tensor) => Tensor) => (x: Tensor) => Tensor;
const DIFFERENTIATED: Readonly<Record<string, Derivative>> = {
  grad: (f) => grad(f),
  "jit of grad": (f) => jit(grad(f)),
  jvp: (f) => (x) => t.jvp(f, [x], [tensor(1)])[1] as Tensor,
  jacrev: (f) => t.jacrev(f),
  jacfwd: (f) => t.jacfwd(f),
  "a mapped pullback": (f) => (x) => sum(vmap((c: Tensor) => t.vjp(f, x)[1](c)[0])(tensor([0.25, 0.75]))),
  "in a scan": (f) => (x) =>
    grad((y: Tensor) => scan((s: Tensor, _: Tensor) => [add(s, f(y)), null], tensor(0), tensor([1]))[0])(x),
};

Deno.test("no part of a derivative is lost, whatever a tensor is used as", async () => {
  for (const [name, [f, derivative]] of Object.entries(DERIVATIVES)) {
    for (const [way, differentiated] of Object.entries(DIFFERENTIATED)) {
      const found = await differentiated(f)(tensor(3)).data();
      assertClose(found, [derivative], { absolute: 1e-6, relative: 1e-6 }, `${way}: ${name}`);
    }
  }
});

Deno.test("customVjp() refuses a tensor that is given and captured, as no rule can tell the two apart", () => {
  const f = (x: Tensor) => customVjp((a: Tensor) => mul(a, x), ([a], _output, cotangent) => [mul(cotangent, a)])(x);
  throws(
    () => grad(f)(tensor(3)),
    /Cannot customVjp as every differentiated tensor that the function uses must be an argument/,
  );
});
