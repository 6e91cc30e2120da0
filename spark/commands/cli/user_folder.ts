import { resolve } from "node:path";
import { kindOf } from "../../train/kind_of.ts";

/**
 * Where the user stands. `deno task` begins in the folder of the project and names the user's in `INIT_CWD`.
 *
 * @param current The folder in which the process began.
 * @param project The folder of the project; undefined where the program was not loaded from the file system.
 * @param initial Value of `INIT_CWD`.
 * @returns The user's folder: `current`, unless a task began it.
 */
export function userFolder(current: string, project: string | undefined, initial: string | undefined): string {
  const isTask = project !== undefined && initial !== undefined && resolve(current) === resolve(project);
  return isTask && kindOf(initial) === "folder" ? initial : current;
}

/** Stands where the user stands, so that every relative path means what it says there: given, printed or by default. */
export function standWithUser(): void {
  const project = import.meta.dirname === undefined ? undefined : resolve(import.meta.dirname, "../../..");
  const folder = userFolder(Deno.cwd(), project, Deno.env.get("INIT_CWD"));
  if (folder !== Deno.cwd()) Deno.chdir(folder);
}
