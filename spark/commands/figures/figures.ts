/** @file The command that draws figures: `deno task figures --help`. */
import { join } from "node:path";
import { writeFileAtomic } from "../../../data/mod.ts";
import { parseOptions } from "../cli/command_line.ts";
import { openRunDevice } from "../../train/devices.ts";
import { helpOf } from "../cli/help.ts";
import { oneOf, type OptionRow, text } from "../shared/option_table.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { type Series, shareOf, vanishingMaps, vanishingMasks } from "./vanishing.ts";
import { vanishingPng, vanishingSvg } from "./vanishing_picture.ts";

const HEAD =
  `Draws why SparK's encoder is sparse: how the pattern of a mask vanishes in dense convolutions, depth by depth.

Usage: deno task figures [OPTIONS]
`;

const TAIL = `
Writes mask_vanishing.svg, with words, and mask_vanishing.png, without, and prints the share of positions that are not
zero at each depth.`;

/** Options as given on the command line. */
interface FiguresGiven {
  /** Folder of the figures. */
  readonly out?: string;
  /** Where to compute. */
  readonly device?: string;
}

const FIGURES_OPTIONS: Readonly<Record<keyof FiguresGiven, OptionRow>> = {
  out: { placeholder: "FOLDER", help: "where the figures are written (default figures)", parse: text("a folder") },
  device: {
    placeholder: "NAME",
    help: "auto (default), cpu, webgpu or reference",
    parse: oneOf(["auto", "cpu", "webgpu", "reference"]),
  },
};

function makeFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new Error(
      `Cannot write figures as --out must be a folder that can be written: current folder is ${path} ` +
        `(${(cause as Error).message})`,
      { cause },
    );
  }
}

/** A line for each kind of convolution. */
function table({ title, labels, dense, sparse }: Series): readonly string[] {
  const line = (name: string, cells: readonly string[]) => name.padEnd(10) + cells.map((x) => x.padStart(16)).join("");
  const shares = (maps: Series["dense"]) => maps.map((map) => `${(100 * shareOf(map)).toFixed(1)} %`);
  return ["", title, line("", labels), line("dense", shares(dense)), line("sparse", shares(sparse))];
}

/**
 * Runs the command.
 *
 * @param args Arguments of the command line.
 * @returns Exit code.
 * @throws {Error} If something does not fit, with a message for the user.
 */
export async function figuresCommand(args: readonly string[]): Promise<number> {
  const given = parseOptions<FiguresGiven>(args, FIGURES_OPTIONS);
  if (given === "help") {
    print(helpOf(FIGURES_OPTIONS, { head: HEAD, tail: TAIL }));
    return 0;
  }
  const folder = given.out ?? "figures";
  makeFolder(folder);
  const device = await openRunDevice(given.device ?? "auto", { kept: "" });
  try {
    const series = [...await vanishingMasks(device), await vanishingMaps(device)];
    await writeFileAtomic(join(folder, "mask_vanishing.svg"), new TextEncoder().encode(vanishingSvg(series)));
    await writeFileAtomic(join(folder, "mask_vanishing.png"), vanishingPng(series));
    print("Share of positions that are not zero; of ResNet-18's maps, that know anything of the visible patches");
    series.flatMap(table).forEach(print);
    print(`\nWrote mask_vanishing.svg and mask_vanishing.png to ${folder}`);
  } finally {
    device.close();
  }
  return 0;
}

if (import.meta.main) await runCommand(figuresCommand);
