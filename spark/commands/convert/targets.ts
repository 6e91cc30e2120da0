/** @file Whose names weights can be written under, in which containers, and which networks each has a place for. */
import { kindOf } from "../../train/kind_of.ts";
import type { NetworkShape } from "../../weights/network_shape.ts";
import { WEIGHT_NAMINGS, type WeightNaming } from "../../weights/weight_names.ts";

/** What `--to` names. */
export type Target = "safetensors" | "pytorch" | "onnx" | WeightNaming;

/** All of them. */
export const TARGETS: readonly Target[] = ["safetensors", ...WEIGHT_NAMINGS, "pytorch", "onnx"];

/** A container, known by the ending of a name. */
export type Container = "safetensors" | "pth" | "npz" | "pkl" | "onnx";

const CONTAINERS: Partial<Readonly<Record<Target, readonly Container[]>>> = {
  safetensors: ["safetensors"],
  pytorch: ["pth", "safetensors"],
  onnx: ["onnx"],
  huggingface: ["safetensors", "pth"],
  detectron2: ["safetensors", "pth", "npz", "pkl"],
};

/**
 * The container that a name asks for.
 *
 * @param out Name of the file.
 * @param to Target.
 * @returns The container.
 * @throws {RangeError} If the target has no such container.
 */
export function containerOf(out: string, to: Target): Container {
  const ending = /\.([a-z0-9]+)$/i.exec(out)?.[1]?.toLowerCase() ?? "none";
  const container = ending === "pt" || ending === "bin" ? "pth" : ending;
  const allowed = CONTAINERS[to] ?? ["safetensors", "pth", "npz"];
  const found = allowed.find((each) => each === container);
  if (found) return found;
  throw new RangeError(
    `Cannot convert to ${to} as the name of OUT must end with .${allowed.join(", .")}: current ending is ${ending}`,
  );
}

/** Widths of the stages of every ResNet that torchvision, timm and Detectron2 have. */
const WIDTHS = [64, 128, 256, 512];

/** Why a library has no network of this shape; `null` if it has. */
function misfit(to: Target, shape: NetworkShape | null): string | null {
  if (to === "safetensors" || to === "official") return null;
  if (shape === null) return "it knows ResNets and ConvNeXts alone";
  if (shape.family === "convnext") {
    return to === "detectron2"
      ? "it has no network but ResNet"
      : to === "pytorch"
      ? "timm and torchvision have it"
      : null;
  }
  if (to === "pytorch" || to === "onnx") return null;
  if (shape.stem === "light") return "it has no ResNet whose stem is 3×3";
  if (to === "huggingface") return null;
  const isUsual = shape.stemWidth === 64 && shape.widths.join() === WIDTHS.join();
  return isUsual ? null : `its ResNets have four stages of ${WIDTHS.join(", ")} channels`;
}

/**
 * Refuses a target that has no place for a network.
 *
 * @param to Target.
 * @param model Name of the model.
 * @param shape What its weights are.
 * @throws {RangeError} If no program of that library could load the file, naming what could.
 */
export function requireFit(to: Target, model: string, shape: NetworkShape | null): void {
  const reason = misfit(to, shape);
  if (reason === null) return;
  const others = TARGETS.filter((other) => misfit(other, shape) === null).join(", ");
  throw new RangeError(
    `Cannot convert ${model} to ${to} as that must have such a network: current reason is that ${reason}; ${model} can be ` +
      `written --to ${others}`,
  );
}

/**
 * Refuses to write over a file.
 *
 * @param path What is to be written.
 * @throws {Error} If there is something.
 */
export function requireAbsent(path: string): void {
  if (kindOf(path) === "absent") return;
  throw new Error(
    `Cannot write ${path} as it must not exist yet: current file would be lost; remove it or name another`,
  );
}
