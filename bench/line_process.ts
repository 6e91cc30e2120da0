/** @file Processes that answer each line of their input with a line of JSON: the other side of an alternating measurement. */

/** A running process. */
export interface LineProcess {
  /** Sends a line and waits for the answer. Rejects with what the process wrote to its error stream if it ends instead. */
  ask(line: string): Promise<unknown>;
  /** Ends it. */
  close(): Promise<void>;
}

/** Lines of a stream of bytes. */
async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** Where a process runs. */
interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

function spawn(command: string, args: readonly string[], options: ProcessOptions): Deno.ChildProcess {
  try {
    const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    return new Deno.Command(command, { ...options, args: [...args], ...pipes }).spawn();
  } catch (error) {
    throw new Error(`Cannot measure as ${command} must be a program: current error is ${(error as Error).message}`);
  }
}

/**
 * Starts a process.
 *
 * @param command Program.
 * @param args Its arguments.
 * @param options Folder and environment.
 * @returns The process. Lines that are not JSON objects are passed over.
 */
export function startLineProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): LineProcess {
  const child = spawn(command, args, options);
  const errors = new Response(child.stderr).text();
  const input = child.stdin.getWriter();
  const lines = linesOf(child.stdout);
  const answer = async () => {
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      if (next.value.startsWith("{")) return JSON.parse(next.value);
    }
    const last = (await errors).trim().split("\n").slice(-12).join("\n");
    throw new Error(`Cannot measure as ${command} ${args.join(" ")} must answer: current error is ${last}`);
  };
  return {
    async ask(line) {
      await input.write(new TextEncoder().encode(`${line}\n`)).catch(() => {}); // an ended process: answer() says why
      return await answer();
    },
    async close() {
      await input.close().catch(() => {});
      await child.status;
    },
  };
}
