/**
 * @file The training command on a GPU that is pulled out as soon as step 3 is logged. Arguments as of `pretrain`, with this
 * file as `--logger`.
 */
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { pretrain } from "../../spark/commands/pretrain/pretrain.ts";
import type { RunEvent } from "../../spark/train/run_logger.ts";
import { webgpuDevice } from "../../tensor/mod.ts";
import { registerDevice } from "../../tensor/kernel.ts";
import { spyAdapter } from "../support/spy_adapter.ts";

const spy = await spyAdapter();
registerDevice("webgpu", (options) => webgpuDevice({ ...options, adapter: spy.adapter }));

export default function pull(event: RunEvent): void {
  if (event.kind === "steps" && event.records.some(({ step }) => step === 3)) spy.gpu().destroy();
}

void runCommand(pretrain); // not awaited: the command loads this module as its logger, which must have been evaluated
