/** @file Processes of this machine, as Linux tells of them. */

/** State and parent of a process; null if there is none. */
function statusOf(pid: number): { readonly state: string; readonly parent: number } | null {
  try {
    const [state, parent] = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
    return { state: state!, parent: Number(parent) };
  } catch {
    return null;
  }
}

/** True if a process is there, and has not ended already without anybody having asked how. */
export function alive(pid: number): boolean {
  const status = statusOf(pid);
  return status !== null && status.state !== "Z";
}

/** Processes that one has started. */
export function childrenOf(pid: number): readonly number[] {
  const all = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter(Number.isInteger);
  return all.filter((each) => statusOf(each)?.parent === pid);
}
