/** @file The command that a threshold stands for. */

/** `suave predict` with answers below a confidence withheld; the run's path is quoted where a shell would take it apart. */
export function abstainCommand(run: string, threshold: number): string {
  const path = /^[\w./:@%+=-]+$/.test(run) ? run : `'${run.replaceAll("'", "'\\''")}'`;
  return `suave predict ${path} IMAGES --abstain ${threshold}`;
}
