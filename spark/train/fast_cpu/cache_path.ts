/**
 * Where something lies in the cache folder of the user.
 *
 * @param name File or folder.
 * @param environment Reads variables of the environment.
 * @returns `XDG_CACHE_HOME`, else `~/.cache`, `tessera/NAME`.
 */
export function cachePath(name: string, environment: (name: string) => string | undefined): string {
  const home = environment("HOME") ?? environment("USERPROFILE") ?? ".";
  return `${environment("XDG_CACHE_HOME") || `${home}/.cache`}/tessera/${name}`;
}
