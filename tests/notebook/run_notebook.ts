/** @file Runs the cells of a notebook in order, as the kernel does, and gives what each shows. */

/** A cell, as far as it is read. */
interface Cell {
  readonly ["cell_type"]: "code" | "markdown";
  readonly source: readonly string[];
}

/** A cell that was run: its text, and what it shows by media type, if anything. */
export interface ShownCell {
  readonly kind: "code" | "markdown";
  readonly text: string;
  readonly shown: Readonly<Record<string, string>> | null;
}

/** What begins a line that is no expression. */
const STATEMENT = /^(const|let|function|import|type|interface|class|for|if|while|return|throw)\b|^[\s})\]]/;

/** The code of a cell: its last line, if it is an expression, is what it shows. */
function codeOf({ source }: Cell, number: number): string {
  const lines = source.map((line) => line.replace(/\n$/, ""));
  const last = lines.at(-1)!;
  if (STATEMENT.test(last)) return lines.join("\n");
  return [...lines.slice(0, -1), `await show(${number}, ${last.replace(/;$/, "")});`].join("\n");
}

/**
 * Runs a notebook.
 *
 * @param path The file, in a folder where its imports are known.
 * @returns Its cells with what they show. Type errors and exceptions are thrown with what the process wrote.
 */
export async function runNotebook(path: URL): Promise<readonly ShownCell[]> {
  const { cells } = JSON.parse(await Deno.readTextFile(path)) as { readonly cells: readonly Cell[] };
  const code = cells.map((cell, i) => cell.cell_type === "code" ? codeOf(cell, i) : "");
  const show = `const SHOWN: Record<number, unknown> = {};
async function show(cell: number, value: unknown): Promise<void> {
  const display = (value as Record<symbol, () => unknown>)[Symbol.for("Jupyter.display")];
  SHOWN[cell] = display ? await display.call(value) : { "text/plain": Deno.inspect(value) };
}`;
  const program = [show, ...code, "console.log(JSON.stringify(SHOWN));"].join("\n");
  const file = new URL(`./.notebook-${crypto.randomUUID().slice(0, 8)}.ts`, path);
  await Deno.writeTextFile(file, program);
  try {
    const args = ["run", "-A", "--check", file.pathname];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    if (!success) {
      throw new Error(`Cannot run ${path.pathname} as each cell must succeed: ${new TextDecoder().decode(stderr)}`);
    }
    const shown = JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
    return cells.map((cell, i) => ({ kind: cell.cell_type, text: cell.source.join(""), shown: shown[i] ?? null }));
  } finally {
    await Deno.remove(file);
  }
}

/** The notebook with what it shows as a page, to be looked at. */
function notebookHtml(cells: readonly ShownCell[]): string {
  const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const body = cells.map(({ kind, text, shown }) =>
    kind === "markdown"
      ? `<p>${escaped(text)}</p>`
      : `<pre>${escaped(text)}</pre><div>${shown ? shown["text/html"] ?? escaped(shown["text/plain"] ?? "") : ""}</div>`
  );
  return `<!doctype html><meta charset="utf-8"><style>body{font-family:sans-serif;max-width:60em;margin:2em auto}
pre{background:#f4f4f4;padding:.7em;white-space:pre-wrap}td{padding:.2em .6em}</style>${body.join("\n")}`;
}

if (import.meta.main) {
  const [path, out] = Deno.args;
  await Deno.writeTextFile(out!, notebookHtml(await runNotebook(new URL(path!, `file://${Deno.cwd()}/`))));
}
