/** How a run ends, as the help of commands that train says it. */
export const EXIT_CODES: string = `Exit codes:
  0    all steps are done
  1    an error, said in one line on stderr
  75   another rank was lost: go on with --resume, with as many ranks or others
  130  Ctrl-C or SIGTERM: the step is finished and saved; a second Ctrl-C ends at once`;
