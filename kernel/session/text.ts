/** Cursors: the protocol counts code points, JavaScript UTF-16 units. */

/** The UTF-16 offset of code point number `cursor`. */
export function toOffset(text: string, cursor: number): number {
  let offset = 0;
  for (let i = 0; i < cursor && offset < text.length; i++) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}

/** The number of code points before UTF-16 offset `offset`. */
export function toCursor(text: string, offset: number): number {
  return [...text.slice(0, offset)].length;
}
