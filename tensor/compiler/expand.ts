/** @file Turns the nodes between a kernel's output and the buffers it reads into one scalar expression. */
import type { ViewMove } from "../primitive.ts";
import { textOf } from "../text_of.ts";
import { type GraphNode, storageOf } from "./graph.ts";
import type { Bound, Scalar } from "./scalar.ts";
import { applyMove, contiguous, coordinate, type View } from "./view.ts";

/**
 * Moves from a node to the iteration axes, innermost first, each with the node it made: a list whose ends are shared.
 * Interned, so equal paths are one object.
 */
interface Path {
  readonly id: number;
  readonly move: ViewMove;
  readonly node: GraphNode | null;
  /** Moves after this one; `null` at the iteration axes. */
  readonly rest: Path | null;
}

/** Thrown inside: this node must have a buffer of its own, because a reshape does not fit the strides under it. */
export class NeedsBuffer extends Error {
  /** The node. */
  readonly node: GraphNode;
  /** Names the node. */
  constructor(node: GraphNode) {
    super(`Cannot fuse ${node.name} as its consumer reshapes it: current shape is [${node.shape}]`);
    this.node = node;
  }
}

/** Thrown inside: a node that this kernel computes would be read elsewhere than at the index at hand. */
export class NotAtHand extends Error {}

/** Expands nodes for one kernel; expressions and loads that are met again are the same objects. */
export class Expander {
  readonly #hasBuffer: (node: GraphNode) => boolean;
  readonly #inputs: GraphNode[] = [];
  readonly #paths = new Map<string, Path>();
  readonly #memo = new Map<string, Scalar>();
  readonly #interned = new Map<string, Scalar>();
  readonly #atHand = new Map<GraphNode, readonly ViewMove[] | null>();

  /** `hasBuffer` tells which nodes are read from memory. */
  constructor(hasBuffer: (node: GraphNode) => boolean) {
    this.#hasBuffer = hasBuffer;
  }

  /** Nodes whose buffers the expressions so far read, in the order of `access.buffer`. */
  get inputs(): readonly GraphNode[] {
    return this.#inputs;
  }

  /**
   * Says that the kernel computes a node itself, so that it has no buffer to read yet.
   *
   * @param node The node.
   * @param moves Views between the node and the iteration axes; `null` if it has no value at a single index.
   */
  keepAtHand(node: GraphNode, moves: readonly ViewMove[] | null): void {
    this.#atHand.set(node, moves);
  }

  /**
   * The value of the output of a kernel, at the iteration index.
   *
   * @param node What the kernel computes; it is expanded even if it is to have a buffer.
   * @param moves Views between the node and the iteration axes.
   * @returns The expression.
   * @throws {NeedsBuffer} If a node inside must be computed before.
   */
  root(node: GraphNode, moves: readonly ViewMove[] = []): Scalar {
    return this.#compute(node, this.#path(moves));
  }

  /** The value of an input, read from memory where it has a buffer. */
  operand(node: GraphNode, moves: readonly ViewMove[] = []): Scalar {
    return this.#expand(node, this.#path(moves));
  }

  /** The path of moves that no node made. */
  #path(moves: readonly ViewMove[]): Path | null {
    return moves.reduceRight<Path | null>((path, move) => this.#extend(path, move, null), null);
  }

  /** One more move between a node and a path. */
  #extend(rest: Path | null, move: ViewMove, node: GraphNode | null): Path {
    const key = `${rest?.id} ${node ? node.id : JSON.stringify(move)}`;
    const path = this.#paths.get(key) ?? { id: this.#paths.size, move, node, rest };
    this.#paths.set(key, path);
    return path;
  }

  #expand(node: GraphNode, path: Path | null): Scalar {
    return this.#hasBuffer(node) ? this.#load(node, path) : this.#compute(node, path);
  }

  #compute(node: GraphNode, path: Path | null): Scalar {
    const key = `${node.id}/${path?.id}`;
    const value = this.#memo.get(key) ?? this.#computeAnew(node, path);
    this.#memo.set(key, value);
    return value;
  }

  #computeAnew(node: GraphNode, path: Path | null): Scalar {
    const { lowering, params, inputs } = node;
    switch (lowering.kind) {
      case "expression":
        return lowering.expression(inputs.map((input) => this.#expand(input, path)), params, node);
      case "iota": {
        const view = this.#see(coordinate(node.shape, lowering.axis(params)), path, node);
        const index: Scalar = { kind: "index", dtype: "int32", coefficients: view.strides, offset: view.offset };
        return this.#intern(
          node.dtype === "int32" ? index : { kind: "op", op: "cast", dtype: node.dtype, args: [index] },
        );
      }
      case "view": {
        const move = lowering.view(params, node);
        if (move.move === "pad") return this.#pad(node, move, path);
        return this.#expand(inputs[0]!, this.#extend(path, move, node));
      }
      case "gather":
        return this.#gather(node, path);
      default:
        throw new NeedsBuffer(node);
    }
  }

  #load(node: GraphNode, path: Path | null): Scalar {
    const view = this.#see(contiguous(node.shape), path, node);
    const { strides, offset } = view;
    if (this.#atHand.has(node)) return this.#valueAtHand(node, view);
    return this.#intern({ kind: "load", dtype: node.dtype, access: { buffer: this.#buffer(node), strides, offset } });
  }

  #valueAtHand(node: GraphNode, seen: View): Scalar {
    const moves = this.#atHand.get(node) ?? refuse(node);
    const own = moves.reduce<View | null>((view, move) => view && applyMove(view, move), contiguous(node.shape));
    const same = own && seen.offset === own.offset &&
      seen.shape.every((size, axis) => size === 1 || seen.strides[axis] === own.strides[axis]);
    return same ? this.root(node, moves) : refuse(node);
  }

  #buffer(node: GraphNode): number {
    if (this.#atHand.has(node)) refuse(node);
    const position = this.#inputs.indexOf(node);
    return position >= 0 ? position : this.#inputs.push(node) - 1;
  }

  /** A padded node is its input shifted, guarded by one bound for each padded axis. */
  #pad(node: GraphNode, move: ViewMove & { move: "pad" }, path: Path | null): Scalar {
    const input = node.inputs[0]!;
    const bounds: Bound[] = [];
    move.before.forEach((before, axis) => {
      if (before === 0 && move.after[axis] === 0) return;
      const view = this.#see(coordinate(node.shape, axis), path, node);
      bounds.push({ coefficients: view.strides, offset: view.offset - before, extent: input.shape[axis]! });
    });
    const start = move.before.map((before) => -before);
    const shift: ViewMove = { move: "slice", start, size: node.shape, step: start.map(() => 1) };
    const value = this.#expand(input, this.#extend(path, shift, node));
    return bounds.length === 0 ? value : { kind: "guard", dtype: node.dtype, bounds, value, fill: move.value };
  }

  #gather(node: GraphNode, path: Path | null): Scalar {
    const { lowering, params, inputs: [x, indices] } = node;
    if (lowering.kind !== "gather" || !x || !indices) throw new NeedsBuffer(node);
    const storage = storageOf(x);
    if (!this.#hasBuffer(storage)) throw new NeedsBuffer(storage);
    const axis = lowering.axis(params);
    const { strides } = contiguous(x.shape);
    const along = lowering.along(params);
    const lead = axis;
    const inner = along ? 1 : indices.shape.length;
    const outStrides = [...strides.slice(0, lead), ...new Array<number>(inner).fill(0), ...strides.slice(axis + 1)];
    const view = this.#see({ shape: node.shape, strides: outStrides, offset: 0 }, path, node);
    let indexPath = path;
    if (!along) {
      const ones = (n: number) => new Array<number>(n).fill(1);
      const spread = [...ones(axis), ...indices.shape, ...ones(x.shape.length - axis - 1)];
      indexPath = this.#extend(indexPath, { move: "broadcast", shape: node.shape }, node);
      indexPath = this.#extend(indexPath, { move: "reshape", shape: spread }, null);
    }
    return {
      kind: "gather",
      dtype: node.dtype,
      access: { buffer: this.#buffer(storage), strides: view.strides, offset: view.offset },
      index: this.#expand(indices, indexPath),
      axisStride: strides[axis]!,
      extent: x.shape[axis]!,
      fill: lowering.fill(params),
    };
  }

  /** Sees a view of `node` from the iteration axes. */
  #see(view: View, path: Path | null, node: GraphNode): View {
    let seen = view;
    let reached = node;
    for (let step = path; step; step = step.rest) {
      const { move, node: made } = step;
      const next = applyMove(seen, move);
      // What the failing reshape looks at is computed before; an internal move has no node of its own.
      if (!next) throw new NeedsBuffer(made?.inputs[0] && made !== node ? made.inputs[0] : reached);
      seen = next;
      if (made) reached = made;
    }
    return seen;
  }

  /** One object for equal loads and indices, so that emitters compute them once. */
  #intern(scalar: Scalar): Scalar {
    const key = textOf(scalar);
    const known = this.#interned.get(key) ?? scalar;
    this.#interned.set(key, known);
    return known;
  }
}

function refuse(node: GraphNode): never {
  throw new NotAtHand(`Cannot fuse as ${node.name} must be read at one index: current shape is [${node.shape}]`);
}
