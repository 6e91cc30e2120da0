/** @file Random scalar functions of loops, branches, checkpoints, maps and rules of one's own, and their derivatives by definition. */
import * as t from "../../tensor/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";

/** A value with its first and second derivative: what all functions here are computed with beside tensors. */
export type Jet = readonly [value: number, first: number, second: number];

export const known = (x: number): Jet => [x, 0, 0];
const plus = (a: Jet, b: Jet): Jet => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const times = (a: Jet, b: Jet): Jet => [
  a[0] * b[0],
  a[0] * b[1] + a[1] * b[0],
  a[0] * b[2] + 2 * a[1] * b[1] + a[2] * b[0],
];
const through = (a: Jet, [f, g, h]: Jet): Jet => [f, g * a[1], h * a[1] ** 2 + g * a[2]];
const sine = (a: Jet) => through(a, [Math.sin(a[0]), Math.cos(a[0]), -Math.sin(a[0])]);
const cosine = (a: Jet) => sine(plus(a, known(Math.PI / 2)));
const squashed = (a: Jet) => {
  const y = Math.tanh(a[0]);
  return through(a, [y, 1 - y * y, -2 * y * (1 - y * y)]);
};

/** A function of the variables at hand, in both ways. */
export interface Composition {
  readonly text: string;
  readonly jet: (variables: readonly Jet[]) => Jet;
  readonly tensor: (variables: readonly Tensor[]) => Tensor;
}

/** Whole numbers from 0 on, the same for one seed. */
export function drawer(seed: number): (below: number) => number {
  let state = seed * 7919 % 2147483648;
  const next = () => state = (state * 1103515245 + 12345) % 2147483648;
  for (let i = 0; i < 5; i++) next();
  return (below) => Math.floor(next() / 2147483648 * below);
}

/** What a kind of composition is made of: parts of the variables at hand, and a body of one or two more. */
interface Parts {
  readonly parts: readonly Composition[];
  readonly body: Composition;
}

type Make = (made: Parts) => Omit<Composition, "text">;

const all = (parts: readonly Composition[], e: readonly Jet[]) => parts.map((part) => part.jet(e));
const ofTensors = (parts: readonly Composition[], e: readonly Tensor[]) => parts.map((part) => part.tensor(e));

/** A body of one more variable, run by something that must change nothing. */
function wrapped(wrap: (f: (x: Tensor) => Tensor) => (x: Tensor) => Tensor): Make {
  return ({ parts: [x], body }) => ({
    jet: (e) => body.jet([...e, x!.jet(e)]),
    tensor: (e) => wrap((y) => body.tensor([...e, y]))(x!.tensor(e)),
  });
}

/** A rule of two operands, sin(p) q. */
function ruled(rule: (p: Tensor, q: Tensor) => Tensor): Make {
  return ({ parts: [x, y] }) => ({
    jet: (e) => times(sine(x!.jet(e)), y!.jet(e)),
    tensor: (e) => rule(x!.tensor(e), y!.tensor(e)),
  });
}

/** A derivative taken inside: of sin at x along y. */
function slope(of: (x: Tensor, y: Tensor) => Tensor): Make {
  return ({ parts: [x, y] }) => ({
    jet: (e) => times(cosine(x!.jet(e)), y!.jet(e)),
    tensor: (e) => of(x!.tensor(e), y!.tensor(e)),
  });
}

const ownVjp = t.customVjp(
  (p: Tensor, q: Tensor) => t.mul(t.sin(p), q),
  ([p, q], _, ct) => [t.mul(ct, t.mul(t.cos(p), q)), t.mul(ct, t.sin(p))],
);
const ownJvp = t.customJvp(
  (p: Tensor, q: Tensor) => t.mul(t.sin(p), q),
  ([p, q], _, [dp, dq]) => t.add(t.mul(t.mul(t.cos(p), q), dp), t.mul(t.sin(p), dq)),
);

const KINDS: Readonly<Record<string, Make>> = {
  add: ({ parts: [x, y] }) => ({
    jet: (e) => plus(x!.jet(e), y!.jet(e)),
    tensor: (e) => t.add(x!.tensor(e), y!.tensor(e)),
  }),
  mul: ({ parts: [x, y] }) => ({
    jet: (e) => times(x!.jet(e), y!.jet(e)),
    tensor: (e) => t.mul(x!.tensor(e), y!.tensor(e)),
  }),
  sin: ({ parts: [x] }) => ({ jet: (e) => sine(x!.jet(e)), tensor: (e) => t.sin(x!.tensor(e)) }),
  stop: ({ parts: [x, y] }) => ({
    jet: (e) => times(known(x!.jet(e)[0]), y!.jet(e)),
    tensor: (e) => t.mul(t.stopGradient(x!.tensor(e)), y!.tensor(e)),
  }),
  checkpoint: wrapped((f) => t.checkpoint(f)),
  keeping: wrapped((f) => t.checkpoint(f, { policy: t.checkpointPolicies.everythingSaveable })),
  products: wrapped((f) => t.checkpoint(f, { policy: t.checkpointPolicies.dotsSaveable })),
  jit: wrapped((f) => t.jit(f)),
  scan: ({ parts: [x], body }) => ({
    jet: (e) => [0, 1].reduce((c) => squashed(body.jet([...e, c])), x!.jet(e)),
    tensor: (e) => t.scan((c: Tensor) => [t.tanh(body.tensor([...e, c])), null], x!.tensor(e), null, { length: 2 })[0],
  }),
  rows: ({ parts: [x, y, z], body }) => ({
    jet: (e) => [z!, y!].reduce((c, row) => squashed(times(body.jet([...e, c]), row.jet(e))), x!.jet(e)),
    tensor: (e) =>
      t.scan(
        (c: Tensor, row: Tensor) => [t.tanh(t.mul(body.tensor([...e, c]), row)), null],
        x!.tensor(e),
        t.stack(ofTensors([y!, z!], e)),
        { reverse: true },
      )[0],
  }),
  foriLoop: ({ parts: [x], body }) => ({
    jet: (e) => [1, 2].reduce((c, i) => squashed(times(body.jet([...e, c]), known(i))), x!.jet(e)),
    tensor: (e) => t.foriLoop(1, 3, (i, c: Tensor) => t.tanh(t.mul(body.tensor([...e, c]), i)), x!.tensor(e)),
  }),
  cond: ({ parts: [p, x, y], body }) => ({
    jet: (e) => p!.jet(e)[0] > 0.1 ? x!.jet(e) : body.jet([...e, y!.jet(e)]),
    tensor: (e) =>
      t.cond(
        t.greater(p!.tensor(e), 0.1),
        () => x!.tensor(e),
        (z: Tensor) => body.tensor([...e, z]),
        y!.tensor(e),
      ),
  }),
  switchCase: ({ parts: [p, x, y] }) => ({
    jet: (e) => [p!, x!, y!][Math.min(2, Math.max(0, Math.trunc(p!.jet(e)[0] * 4)))]!.jet(e),
    tensor: (e) =>
      t.switchCase(t.cast(t.mul(p!.tensor(e), 4), "int32"), [p!, x!, y!].map((part) => () => part.tensor(e))),
  }),
  vmap: ({ parts: [x, y], body }) => ({
    jet: (e) => plus(body.jet([...e, x!.jet(e)]), times(known(2), body.jet([...e, y!.jet(e)]))),
    tensor: (e) =>
      t.sum(t.mul(t.vmap((r: Tensor) => body.tensor([...e, r]))(t.stack(ofTensors([x!, y!], e))), t.tensor([1, 2]))),
  }),
  customVjp: ruled(ownVjp),
  customJvp: ruled(ownJvp),
  linearize: slope((x, y) => t.linearize((p: Tensor) => t.sin(p), x)[1](y)),
  vjp: slope((x, y) => t.vjp((p: Tensor) => t.sin(p), x)[1](y)[0]),
  grad: slope((x, y) => t.grad((p: Tensor) => t.mul(t.sin(p), y))(x)),
  associativeScan: ({ parts: [x, y, z] }) => ({
    jet: (e) => {
      const [p, q, r] = all([x!, y!, z!], e) as [Jet, Jet, Jet];
      return plus(p, plus(times(p, q), times(times(p, q), r)));
    },
    tensor: (e) => t.sum(t.associativeScan((a: Tensor, b: Tensor) => t.mul(a, b), t.stack(ofTensors([x!, y!, z!], e)))),
  }),
};

/** A random function of `n` variables, nested so deep at most. */
export function randomComposition(draw: (below: number) => number, depth: number, n: number): Composition {
  if (depth === 0 || draw(10) === 0) {
    const at = draw(n);
    return { text: `v${at}`, jet: (e) => e[at]!, tensor: (e) => e[at]! };
  }
  const names = Object.keys(KINDS);
  const name = names[draw(names.length)]!;
  const parts = [0, 1, 2].map(() => randomComposition(draw, depth - 1, n));
  const body = randomComposition(draw, depth - 1, n + 1);
  return { text: `${name}(${parts.map(({ text }) => text)}; ${body.text})`, ...KINDS[name]!({ parts, body }) };
}
