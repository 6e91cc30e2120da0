/** @file Finds out before hours of work that their result cannot be written. */
import { dirname } from "node:path";
import { kindOf } from "../../train/kind_of.ts";

/**
 * Refuses a file that cannot be written, without leaving anything.
 *
 * @param path The file; may be there.
 * @param option The option that names it, for errors.
 * @throws {Error} If its folder is not there or cannot be written, or it is a folder itself.
 */
export function requireWritable(path: string, option: string): void {
  const refuse = (current: string, cause?: unknown): never => {
    throw new Error(
      `Cannot write ${path} as ${option} must name a file in a folder that is there and can be written: current ${current}`,
      { cause },
    );
  };
  if (kindOf(path) === "folder") refuse("path is a folder");
  const probe = `${dirname(path)}/.write_probe_${crypto.randomUUID()}`;
  try {
    Deno.writeTextFileSync(probe, "", { createNew: true });
    Deno.removeSync(probe);
  } catch (cause) {
    refuse(`error is ${(cause as Error).message.replace(/: .*/s, "")}`, cause);
  }
}
