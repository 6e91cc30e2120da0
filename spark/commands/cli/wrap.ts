/**
 * Breaks text at blanks into lines; those after the first are indented. Blanks at its beginning and in rows stay.
 *
 * @param text Text without line ends.
 * @param options `width`: most characters of a line, but for words that are longer; `indent`: blanks before later lines.
 * @returns Lines.
 */
export function wrap(
  text: string,
  { width, indent }: { readonly width: number; readonly indent: number },
): readonly string[] {
  return text.split(/(?<=\S) (?=\S)/).reduce<string[]>((lines, word) => {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length === 0) return [word];
    return longer.length <= width ? [...lines.slice(0, -1), longer] : [...lines, " ".repeat(indent) + word];
  }, []);
}
