/** @file How a run ends, as the help of commands that train says it. */

const CODES = {
  done: "  0    all steps are done",
  error: "  1    an error, said in one line on stderr",
  lost: "  75   another rank was lost: go on with --resume, with as many ranks or others",
  interrupted: "  130  Ctrl-C or SIGTERM: the step is finished and saved; a second Ctrl-C ends at once",
} as const;

/**
 * Lists the exit codes of a run.
 *
 * @param ranks Whether several ranks may share it.
 * @returns Lines for the details of a help.
 */
export function exitCodes({ ranks }: { readonly ranks: boolean }): string {
  const codes = [CODES.done, CODES.error, ...ranks ? [CODES.lost] : [], CODES.interrupted];
  return ["Exit codes:", ...codes].join("\n");
}
