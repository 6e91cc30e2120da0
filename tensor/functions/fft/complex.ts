/** @file Pairs of real tensors for complex numbers. */
import { ShapeError } from "../../errors.ts";
import { add, mul, neg, sub } from "../../primitives/arithmetic.ts";
import { asFloating } from "../../primitives/cast.ts";
import { constant } from "../../primitives/constant.ts";
import { requireTensor } from "../../require_tensor.ts";
import { sameShape, type Shape } from "../../spec.ts";
import { leaf, Tensor } from "../../tensor.ts";

/** Complex numbers: their real and imaginary parts, of one shape. A tree, as any other: gradients and `vmap` go through it. */
export interface Complex {
  /** Real parts. */
  readonly re: Tensor;
  /** Imaginary parts. */
  readonly im: Tensor;
}

/** Real numbers as complex ones; integers and bools as float32. */
export function complexOf(operation: string, z: Complex | Tensor): Complex {
  if (z instanceof Tensor) {
    const re = asFloating(z);
    return { re, im: constant(re.shape, 0, re.dtype) };
  }
  requireTensor(operation, "re", z?.re);
  requireTensor(operation, "im", z?.im);
  if (sameShape(z.re.shape, z.im.shape)) return { re: asFloating(z.re), im: asFloating(z.im) };
  throw new ShapeError(operation, "real and imaginary parts must have one shape", [z.re.shape, z.im.shape]);
}

/** Products of elements; shapes broadcast. */
export function times(a: Complex, b: Complex): Complex {
  return { re: sub(mul(a.re, b.re), mul(a.im, b.im)), im: add(mul(a.re, b.im), mul(a.im, b.re)) };
}

/** The other sign of the imaginary parts. */
export function conjugate({ re, im }: Complex): Complex {
  return { re, im: neg(im) };
}

/** Both parts through a function that is linear in each. */
export function onBoth({ re, im }: Complex, f: (x: Tensor) => Tensor): Complex {
  return { re: f(re), im: f(im) };
}

/** `e^(i angle)` of angles that are given on the host, in float64. */
export function unitCircle(angles: Float64Array, shape: Shape, dtype: "float32" | "float64"): Complex {
  const part = (f: (angle: number) => number) =>
    leaf({ shape, dtype }, { host: dtype === "float64" ? angles.map(f) : Float32Array.from(angles, f) });
  return { re: part(Math.cos), im: part(Math.sin) };
}
