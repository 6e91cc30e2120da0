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
