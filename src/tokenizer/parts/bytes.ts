/** GPT-2's alphabet: the printable characters that stand for the 256 bytes of text in UTF-8. */

const letters: string[] = [];
const bytes = new Map<string, number>();
for (let byte = 0, spare = 256; byte < 256; byte++) {
  const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const letter = String.fromCharCode(printable ? byte : spare++);
  letters.push(letter);
  bytes.set(letter, byte);
}

const utf8 = new TextEncoder();

/** A text's bytes, a letter each. */
export function toByteLetters(text: string): string {
  let result = "";
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return result + fromBytes(utf8.encode(text.slice(i)));
    result += letters[code];
  }
  return result;
}

function fromBytes(encoded: Uint8Array): string {
  let result = "";
  for (const byte of encoded) result += letters[byte];
  return result;
}

/** The bytes that a token's letters stand for; one with other letters stands for its own. */
export function fromByteLetters(token: string): Uint8Array {
  const result = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = bytes.get(token[i] as string);
    if (byte === undefined) return utf8.encode(token);
    result[i] = byte;
  }
  return result;
}
