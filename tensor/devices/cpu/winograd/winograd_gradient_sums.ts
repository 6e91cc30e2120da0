/** @file The end of a weight gradient by Winograd's method: sums of products of tiles become gradients of taps. */
import type { WatPass } from "../../../compiler/kernel_text.ts";
import type { WinogradWeightGradient } from "../../../contraction/geometry.ts";
import { storeLanes } from "../contraction/micro_kernel.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import type { Cut } from "./winograd_gradient_cut.ts";
import { transformFunction, transformSquare } from "./winograd_transform.ts";

/** Channels of a work item of the pass. */
const LAST_CHANNELS = 16;

/**
 * Transforms the sums of `$channels` channels from `$c0` on, those of the first at `sums`, for `columns` columns from the one
 * that lies `$column` behind the first.
 */
export function sumRows({ columns, result }: WinogradWeightGradient, cut: Cut, sums: Wat, count: Wat): Wat {
  const phase = wat.add(
    wat.mul(wat.get("phase_y"), result.phaseStrides[0] * 4),
    wat.mul(wat.get("phase_x"), result.phaseStrides[1] * 4),
  );
  const first = wat.mul(wat.add(wat.mul(wat.get("c0"), columns), wat.get("column")), 4);
  const row = wat.block(
    wat.call("sum", wat.get("sums"), wat.get("to"), count),
    wat.set("sums", wat.add(wat.get("sums"), cut.sumRow)),
    wat.set("to", wat.add(wat.get("to"), columns * 4)),
  );
  return wat.block(
    wat.set("sums", sums),
    wat.set("to", wat.add(wat.argument("result"), phase, first)),
    wat.loop("c", wat.int(0), wat.get("channels"), row),
  );
}

/** Makes the pass that transforms the sums of each slab and adds them, in order, to the gradient. */
export function sumPass(buffers: readonly string[], gradient: WinogradWeightGradient, cut: Cut): WatPass {
  const { phases, channels, columns } = gradient;
  const blocks = Math.ceil(channels / LAST_CHANNELS);
  const phaseNumber = wat.add(wat.mul(wat.get("phase_y"), phases[1]), wat.get("phase_x"));
  const channelBlock = `(i32.div_u ${wat.get("c0")} ${wat.int(cut.channelsEach)})`;
  const row = wat.add(wat.get("c0"), wat.mul(channelBlock, cut.rowsEach - cut.channelsEach));
  const sums = wat.add(wat.argument("scratch"), wat.mul(phaseNumber, cut.sumPhase), wat.mul(row, cut.sumRow));
  const body = wat.block(
    wat.split(wat.get("index"), [["phase_y", phases[0]], ["phase_x", phases[1]], ["c0", blocks]]),
    wat.set("c0", wat.mul(wat.get("c0"), LAST_CHANNELS)),
    wat.set("channels", wat.part(LAST_CHANNELS, channels, "c0")),
    wat.set("column", wat.int(0)),
    sumRows(gradient, cut, sums, wat.int(columns)),
  );
  const cost = Math.min(channels, LAST_CHANNELS) * columns * gradient.scheme.size ** 2 * cut.slabs * 0.5;
  return wat.pass(
    buffers,
    [sumFunction(gradient, cut), wat.func("item", ["index"], body)],
    phases[0] * phases[1] * blocks,
    cost,
  );
}

/** Writes the function that transforms and adds the sums of a channel at `$sums` for `$columns` columns, and writes their gradients to `$to`. */
export function sumFunction(gradient: WinogradWeightGradient, cut: Cut): Wat {
  const rest = gradient.columns % 4;
  const body = wat.block(
    wat.set("whole", `(i32.and ${wat.mul(wat.get("columns"), 4)} ${wat.int(-16)})`),
    wat.loop("n", wat.int(0), wat.get("whole"), sumVector(gradient, cut, 4), 16),
    rest > 0 ? wat.when(`(i32.and ${wat.get("columns")} ${wat.int(3)})`, sumVector(gradient, cut, rest)) : null,
  );
  return transformFunction("sum", ["sums", "to", "columns"], body);
}

/** Transforms and adds the sums of all slabs at `$sums + $n`, and writes some lanes of the gradients of all taps at `$to + $n`. */
function sumVector({ scheme, result }: WinogradWeightGradient, cut: Cut, lanes: number): Wat {
  const { size, taps } = scheme;
  const total = (i: number, j: number) => `v_total${i}_${j}`;
  const each = (body: (i: number, j: number) => Wat) =>
    wat.block(...Array.from({ length: taps * taps }, (_, k) => body(Math.floor(k / taps), k % taps)));
  const slab = transformSquare(
    scheme.weightsGradient,
    size,
    (i, j) => `(v128.load offset=${(i * size + j) * cut.sumProduct} ${wat.get("from")})`,
    (i, j, value) => wat.set(total(i, j), `(f32x4.add ${wat.get(total(i, j))} ${value})`),
  );
  const offset = (i: number, j: number) => (i * result.tapStrides[0] + j * result.tapStrides[1]) * 4;
  return wat.block(
    each((i, j) => wat.set(total(i, j), "(v128.const i32x4 0 0 0 0)")),
    wat.set("from", wat.add(wat.get("sums"), wat.get("n"))),
    wat.loop(
      "slab",
      wat.int(0),
      wat.int(cut.slabs),
      wat.block(slab, wat.set("from", wat.add(wat.get("from"), cut.slabBytes))),
    ),
    wat.set("address", wat.add(wat.get("to"), wat.get("n"))),
    each((i, j) => storeLanes(wat.get("address"), wat.get(total(i, j)), lanes, offset(i, j))),
  );
}
