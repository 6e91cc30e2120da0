import type { Device } from "../../tensor/mod.ts";
import { webgpuDevice, type WebgpuOptions } from "../../tensor/mod.ts";

const adapter = await navigator.gpu?.requestAdapter() ?? null;
const required = Deno.env.get("REQUIRE_WEBGPU") === "1";

/**
 * Registers a test that needs a GPU. Without an adapter it is reported as skipped, with the way to get one in its name;
 * with `REQUIRE_WEBGPU=1` it fails then.
 *
 * @param name What is tested.
 * @param run The test; the device is closed after it.
 * @param options Adapter limits.
 */
export function testWebgpu(name: string, run: (device: Device) => Promise<void>, options: WebgpuOptions = {}): void {
  const skipped = adapter === null && !required;
  const hint = skipped ? " (no adapter: apt-get install mesa-vulkan-drivers libvulkan1, set XDG_RUNTIME_DIR)" : "";
  Deno.test({
    name: `${name}${hint}`,
    ignore: skipped,
    async fn() {
      const device = await webgpuDevice(options);
      try {
        await run(device);
      } finally {
        device.close();
      }
    },
  });
}

/** An adapter whose device the test can reach. */
export interface SpyAdapter {
  /** To be given to `webgpuDevice`. */
  readonly adapter: GPUAdapter;
  /** The device that was opened on it. */
  gpu(): GPUDevice;
  /** Lets buffers above a size fail as if there were no memory for them. */
  refuseAbove(bytes: number): void;
}

/** Wraps the adapter of this machine. */
export async function spyAdapter(): Promise<SpyAdapter> {
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
    features: real.features,
    info: real.info,
    requestDevice: (descriptor: GPUDeviceDescriptor) => real.requestDevice(descriptor).then(watch),
  } as unknown as GPUAdapter;
  return {
    adapter,
    gpu: () => opened.at(-1)!,
    refuseAbove: (bytes) => void (state.limit = bytes),
  };
}
