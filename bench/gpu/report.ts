/** @file The results of the GPU benchmark as one object and as one page. */

/** What became of a stage. */
export interface Outcome {
  readonly name: string;
  /** `done`, or why not. */
  readonly status: string;
  readonly seconds: number;
  /** The object that it printed. */
  readonly value?: Readonly<Record<string, number | string>>;
  /** The end of what it printed. */
  readonly text?: string;
}

/** A kernel as `kernel_benchmark.ts` writes it. */
interface KernelRow {
  readonly name: string;
  readonly milliseconds: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  readonly share: number;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

const number = (x: unknown, digits = 1) => typeof x === "number" ? x.toFixed(digits) : "";
const mebibytes = (x: unknown) => typeof x === "number" ? (x / 2 ** 20).toFixed(0) : "";

/** Steps here beside PyTorch's in its three ways of computing. */
function stepTable(outcomes: readonly Outcome[]): string {
  const steps = outcomes.filter(({ name }) => /^(step|torch) /.test(name));
  const rows = steps.map(({ name, status, value }) => [
    ...[name, status, number(value?.imagesPerSecond), number(value?.millisecondsPerStep)],
    ...[mebibytes(value?.plannedBytes ?? value?.deviceBytes), value?.launches ?? "", number(value?.gflops, 0)],
  ]);
  return table(["step", "status", "images/s", "ms", "MiB on the device", "launches", "GFLOP/s"], rows);
}

function kernelTable(kernels: readonly KernelRow[]): string {
  const rows = kernels.map(({ name, milliseconds, gflops, gigabytesPerSecond, share }) => [
    ...[name, number(milliseconds, 3), gflops ? `${number(gflops)} GFLOP/s` : `${number(gigabytesPerSecond)} GB/s`],
    `${number(100 * share, 0)} %`,
  ]);
  return table(["kernel", "ms", "rate", "of the limit"], rows);
}

/**
 * Puts the results together.
 *
 * @param adapter What the card is and can do at most.
 * @param outcomes What became of the stages so far.
 * @param kernelLines One object a line for each kernel that was timed.
 * @returns The object, and the page.
 */
export function reportOf(
  adapter: Readonly<Record<string, unknown>>,
  outcomes: readonly Outcome[],
  kernelLines: string,
): { readonly json: object; readonly markdown: string } {
  const kernels = kernelLines.split("\n").filter(Boolean).map((line) => JSON.parse(line) as KernelRow);
  const texts = outcomes.filter(({ text }) => text).map(({ name, text }) => `### ${name}\n\n\`\`\`\n${text}\n\`\`\``);
  const states = outcomes.map(({ name, status, seconds }) => [name, status, number(seconds, 0)]);
  const markdown = [
    `# ${adapter.description || adapter.device || "A WebGPU adapter"}`,
    table(Object.keys(adapter), [Object.values(adapter).map((x) => typeof x === "number" ? number(x) : `${x ?? ""}`)]),
    ...["## Steps", stepTable(outcomes), "## Kernels", kernelTable(kernels)],
    ...["## Stages", table(["stage", "status", "s"], states), ...texts],
  ].join("\n\n");
  return { json: { adapter, outcomes, kernels }, markdown: `${markdown}\n` };
}
