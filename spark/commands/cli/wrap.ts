/** Letters of East Asia and pictures, which take two columns of a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Marks that stand on the letter before them. */
const MARK = /[\p{M}\u200b-\u200d]/u;

/**
 * Counts the columns of a terminal that a text takes.
 *
 * @param text Text without line ends.
 * @returns One a letter, two of those of East Asia, none of marks.
 */
export function widthOf(text: string): number {
  if (/^[\0-\x7f]*$/.test(text)) return text.length;
  return [...text].reduce((sum, letter) => sum + (MARK.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1), 0);
}

/** A number and what may stand around it; and units, which stand behind one. */
const NUMBER = /^[([]?[-+−]?\d[\d.,:×]*[,;:.)\]]*$/;
const UNIT = /^(?:%|[KMG]iB|m?s|px|images\/s)(?=[\s,;:.)\]]|$)/;

/** Words between single blanks; a number stays with the word that it counts for, and with its unit. */
function wordsOf(text: string): readonly string[] {
  return text.split(/(?<=\S) (?=\S)/).reduce<string[]>((words, word) => {
    const last = words.at(-1) ?? "";
    const belongs = NUMBER.test(word)
      ? /[\p{L}\d]$/u.test(last) && !/\d$/.test(last)
      : UNIT.test(word) && /\d$/.test(last);
    // One that counts for a name such as top-1 stays too.
    const isNamed = NUMBER.test(word) && /\p{L}-\d$/u.test(last);
    return belongs || isNamed ? [...words.slice(0, -1), `${last} ${word}`] : [...words, word];
  }, []);
}

/**
 * Breaks text at blanks into lines; those after the first are indented. Blanks at its beginning and in rows stay.
 *
 * @param text Text without line ends.
 * @param options `width`: most columns of a line, but for words that are longer; `indent`: blanks before later lines.
 * @returns Lines.
 */
export function wrap(
  text: string,
  { width, indent }: { readonly width: number; readonly indent: number },
): readonly string[] {
  return wordsOf(text).reduce<string[]>((lines, word) => {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length === 0) return [word];
    return widthOf(longer) <= width ? [...lines.slice(0, -1), longer] : [...lines, " ".repeat(indent) + word];
  }, []);
}
