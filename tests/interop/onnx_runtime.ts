/** @file A graph in ONNX Runtime: `npm:onnxruntime-node`, which only this check uses and which brings its own binary. */

/** What of ONNX Runtime is used. */
interface Runtime {
  readonly InferenceSession: { create(path: string): Promise<Session> };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => RuntimeTensor;
}

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, RuntimeTensor>>): Promise<Readonly<Record<string, RuntimeTensor>>>;
}

interface RuntimeTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Its name is put together at run time, and the task keeps no lock, so that nothing but this check fetches it. */
const PACKAGE = ["npm:onnxruntime-node", "1.30.0"].join("@");

/** Images at once. */
const BATCH = 64;

/**
 * Runs a graph of one input and one output.
 *
 * @param path The file.
 * @param images `[N, 3, H, W]`, as the graph takes them.
 * @returns The output of all images, row by row.
 */
export async function runOnnx(
  path: string,
  { data, shape }: { readonly data: Float32Array; readonly shape: readonly number[] },
): Promise<Float32Array> {
  const { InferenceSession, Tensor }: Runtime = await import(PACKAGE);
  const session = await InferenceSession.create(path);
  const [count = 0, ...inner] = shape;
  const each = inner.reduce((product, axis) => product * axis, 1);
  const rows: number[] = [];
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(count, from + BATCH);
    const batch = new Tensor("float32", data.slice(from * each, to * each), [to - from, ...inner]);
    const found = await session.run({ [session.inputNames[0]!]: batch });
    rows.push(...found[session.outputNames[0]!]!.data);
  }
  return Float32Array.from(rows);
}
