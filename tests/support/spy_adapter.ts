/** An adapter whose device the test can reach. */
export interface SpyAdapter {
  /** To be given to `webgpuDevice`. */
  readonly adapter: GPUAdapter;
  /** The device that was opened on it. */
  gpu(): GPUDevice;
  /** Lets buffers above a size fail as if there were no memory for them. */
  refuseAbove(bytes: number): void;
}

/**
 * Wraps the adapter of this machine.
 *
 * @param options `features`: of the adapter, as it tells; those of the machine if left out.
 * @returns The wrapped adapter.
 */
export async function spyAdapter(
  options: { readonly features?: ReadonlySet<string> } = {},
): Promise<SpyAdapter> {
  const real = (await navigator.gpu.requestAdapter())!;
  const opened: GPUDevice[] = [];
  const state = { limit: Infinity, refused: false };
  const watch = (gpu: GPUDevice) => {
    const createBuffer = gpu.createBuffer.bind(gpu);
    const popErrorScope = gpu.popErrorScope.bind(gpu);
    Object.defineProperty(gpu, "createBuffer", {
      value: (descriptor: GPUBufferDescriptor) => {
        state.refused = descriptor.size > state.limit;
        return createBuffer(descriptor);
      },
    });
    Object.defineProperty(gpu, "popErrorScope", {
      value: async () => {
        const { refused } = state;
        state.refused = false;
        const error = await popErrorScope();
        return refused ? { message: "not enough memory" } : error;
      },
    });
    opened.push(gpu);
    return gpu;
  };
  const adapter = {
    limits: real.limits,
    features: options.features ?? real.features,
    info: real.info,
    requestDevice: (descriptor: GPUDeviceDescriptor) => real.requestDevice(descriptor).then(watch),
  } as unknown as GPUAdapter;
  return {
    adapter,
    gpu: () => opened.at(-1)!,
    refuseAbove: (bytes) => void (state.limit = bytes),
  };
}
