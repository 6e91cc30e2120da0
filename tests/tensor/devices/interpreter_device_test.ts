import { deepStrictEqual, rejects, throws } from "node:assert/strict";
import { type Device, DeviceError, jit, openDevice, type Tensor, tensor } from "../../../tensor/mod.ts";
import { bind, type Primitive } from "../../../tensor/kernel.ts";
import { textWriter } from "../../../tensor/compiler/template.ts";
import { checkDevice, checkDeviceGradients } from "../../support/check_device.ts";
import { ROWS } from "../../support/op_table.ts";
import "./interpreter_device.ts";

const device: Device = await openDevice("interpreter");

for (const row of ROWS) {
  Deno.test(`${row.name}: a device that was registered from outside agrees with the reference, gradients too`, async () => {
    await checkDevice(device, row);
    await checkDeviceGradients(device, row);
  });
}

/** A user's operation with texts for some devices. */
function doubled(texts: object): Primitive {
  return {
    name: "doubled",
    shapeRule: ([x]) => x!,
    reference: ([x]) => x!.data.map((value) => 2 * value),
    vjpRule: (cotangent) => [cotangent],
    lowering: { kind: "kernel", texts: { ...texts } },
  };
}

Deno.test("A device finds its text in the record of an operation", async () => {
  const own = doubled({ interpreter: () => ([x]: readonly Float64Array[]) => x!.map((value) => 2 * value) });
  const y = jit((x: Tensor) => bind(own, [x], {}), { device })(tensor([1, 2]));
  deepStrictEqual(await y.data({ device }), new Float32Array([2, 4]));
});

Deno.test("A device that has no text for an operation says which, and what to add", async () => {
  const foreign = doubled({ webgpu: () => ({ passes: [], scratchBytes: 0 }) });
  for (const name of ["interpreter", "cpu"]) {
    const other = await openDevice(name);
    await rejects(async () => await bind(foreign, [tensor([1])], {}).data({ device: other }), (error: unknown) => {
      const message =
        `Cannot compute doubled on ${name} as its kernel must have a text for this device: current texts are ` +
        `webgpu; add one as \`texts.${name}\` of its lowering, or compute where it has one`;
      return error instanceof DeviceError && error.message === message;
    });
    other.close();
  }
});

Deno.test("A device whose table lacks a form of kernel says which", () => {
  const form = { name: "argsort", texts: {} };
  throws(() => textWriter({ name: "argsort" }, { form }, "mine", new Map()), {
    message:
      "Cannot compute argsort on mine as its kernel must have a text for this device: current form is argsort; " +
      "add the form to the table of the device, or compute where it has one",
  });
});
