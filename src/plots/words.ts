/** Text measured in columns, shortened and broken into lines, so that titles and labels keep to the place they have. */

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
const graphemes = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment);
/** What is set twice as wide as a letter: ideographs, kana, hangul, full-width forms, pictures. */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;
const width = (grapheme: string): number => (wide.test(grapheme) ? 2 : 1);

/** The width of a text as a terminal sets it: 1 for a letter, with its accents, and 2 for what is twice as wide. */
export const columns = (text: string): number => graphemes(text).reduce((sum, one) => sum + width(one), 0);

/** The width of a text set in letters of `size` pixels, about: safe for a margin, where a few more or less do no harm. */
export const textWidth = (text: string, size: number): number => columns(text) * 0.62 * size;

/** As many of the text's first graphemes as `limit` columns hold, and at least one of them. */
function head(text: string, limit: number): string {
  let [taken, used] = ["", 0];
  for (const one of graphemes(text)) {
    used += width(one);
    if (used > limit && taken !== "") break;
    taken += one;
  }
  return taken;
}

/** The text, or where it is wider than `limit` columns its beginning and an ellipsis. */
export const shorten = (text: string, limit: number): string =>
  columns(text) <= limit ? text : `${head(text, limit - 1).trimEnd()}…`;

/**
 * The text's lines of at most `limit` columns: broken at its own line ends, at spaces, and within a word that alone is
 * wider. Of more than `lines` lines the last that is left ends with an ellipsis.
 */
export function wrap(text: string, limit: number, lines = Number.POSITIVE_INFINITY): string[] {
  const all = text.split("\n").flatMap((paragraph) => paragraphLines(paragraph, limit));
  if (all.length <= lines) return all;
  const last = all[lines - 1] as string;
  return [...all.slice(0, lines - 1), columns(last) < limit ? `${last}…` : shorten(`${last} …`, limit)];
}

function paragraphLines(paragraph: string, limit: number): string[] {
  const [lines, words] = [
    [] as string[],
    paragraph
      .split(/\s+/)
      .filter((word) => word !== "")
      .reverse(),
  ];
  let line = "";
  for (let word = words.pop(); word !== undefined; word = words.pop()) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (columns(longer) <= limit) line = longer;
    else if (line !== "") {
      lines.push(line);
      line = "";
      words.push(word);
    } else {
      const part = head(word, limit);
      lines.push(part);
      if (part.length < word.length) words.push(word.slice(part.length));
    }
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}
