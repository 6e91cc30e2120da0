/**
 * Tells what there is at a path.
 *
 * @param path Where to look; links are followed.
 * @returns `other` for what is neither file nor folder, such as a device; `absent` also where it cannot be looked at.
 */
export function kindOf(path: string): "file" | "folder" | "other" | "absent" {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    return isFile ? "file" : isDirectory ? "folder" : "other";
  } catch {
    return "absent";
  }
}
