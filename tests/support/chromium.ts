/** @file Chromium without a window, for what only a browser can tell. */
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * Finds Chromium.
 *
 * @param given A program to take instead.
 * @returns Its path; null if there is none: `apt-get install chromium`.
 */
export async function findChromium(given?: string): Promise<string | null> {
  for (const name of given === undefined ? PROGRAMS : [given]) {
    const found = await new Deno.Command("which", { args: [name] }).output();
    if (found.success) return new TextDecoder().decode(found.stdout).trim();
  }
  return null;
}
