import type { Device } from "../../tensor/mod.ts";
import { webgpuDevice, type WebgpuOptions } from "../../tensor/mod.ts";

const adapter = await navigator.gpu?.requestAdapter() ?? null;
const required = Deno.env.get("REQUIRE_WEBGPU") === "1";

/** Why a test of a device cannot run here; empty if it can. */
function reasonToSkip({ precision }: WebgpuOptions): string {
  if (adapter === null) {
    return required ? "" : "no adapter: apt-get install mesa-vulkan-drivers libvulkan1, set XDG_RUNTIME_DIR";
  }
  if (precision === "f16" && !adapter.features.has("shader-f16")) return "the adapter does not offer shader-f16";
  return "";
}

/**
 * Registers a test that needs a GPU. Without an adapter it is reported as skipped, with the way to get one in its name;
 * with `REQUIRE_WEBGPU=1` it fails then. A test of float16 is skipped where the adapter has none, whatever is required.
 *
 * @param name What is tested.
 * @param run The test; the device is closed after it.
 * @param options Adapter limits, precision.
 */
export function testWebgpu(name: string, run: (device: Device) => Promise<void>, options: WebgpuOptions = {}): void {
  const reason = reasonToSkip(options);
  Deno.test({
    name: reason === "" ? name : `${name} (${reason})`,
    ignore: reason !== "",
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
