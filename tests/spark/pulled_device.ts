/** @file The training command on a GPU that is pulled out once the first checkpoint is there. Arguments as of `pretrain`. */
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { pretrain } from "../../spark/commands/pretrain/pretrain.ts";
import { webgpuDevice } from "../../tensor/mod.ts";
import { registerDevice } from "../../tensor/kernel.ts";
import { spyAdapter } from "../support/spy_adapter.ts";

const spy = await spyAdapter();
registerDevice("webgpu", (options) => webgpuDevice({ ...options, adapter: spy.adapter }));
const checkpoint = `${Deno.args[Deno.args.indexOf("--out") + 1]}/last.safetensors`;
const watch = setInterval(async () => {
  if (!await Deno.stat(checkpoint).then(() => true, () => false)) return;
  clearInterval(watch);
  spy.gpu().destroy();
}, 1);
await runCommand(pretrain);
