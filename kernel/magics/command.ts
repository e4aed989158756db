/** Whether what stands behind `!` is a command of the shell or an operand that TypeScript negates; and the names that decide. */

/** Words with which an operand begins. */
const operands = new Set(
  "async await class delete false function globalThis new null super this true typeof undefined void".split(" "),
);
/** Words with which only the shell begins anything. */
const shellWords = new Set(["if", "for", "while", "until", "case"]);

/**
 * @param text What stands behind `!`.
 * @param isKnown Whether a variable of that name is there: `!done` negates it, `!ls` where none is runs a command.
 */
export function isCommand(text: string, isKnown: (name: string) => boolean): boolean {
  const name = /^[A-Za-z_$][\w$]*/.exec(text)?.[0];
  if (name === undefined) return isCommandWithoutName(text);
  if (shellWords.has(name)) return /^[ \t]/.test(text.slice(name.length));
  if (operands.has(name)) return false;
  const rest = text.slice(name.length);
  if (name === "import") return !/^[ \t]*[(.]/.test(rest);
  const members = /^(?:!?\??\.[A-Za-z_$#][\w$]*|!(?!=))+/.exec(rest)?.[0] ?? "";
  const behind = rest.slice(members.length);
  if (impossible(behind)) return true;
  if (members !== "" || isOperandsOwn(behind)) return false;
  return !isKnown(name);
}

/**
 * What cannot stand behind a negated operand: another word, a path, or an operator that TypeScript has for numbers only,
 * as in `!ls -la`, `!a | b`, `!bin/run`, `!NAME=1 run`.
 */
function impossible(behind: string): boolean {
  const text = behind.trimStart();
  if (/^(?:\/\/|\/\*)/.test(text)) return false;
  if (/^[-+*/%^~@#:{}\\]/.test(text)) return true;
  if (/^\|(?!\|)|^&(?!&)|^=(?!=)|^\d|^["']/.test(text)) return true;
  return behind !== text && /^[\w$.]/.test(text) && !/^(?:in|instanceof|as|satisfies)\b/.test(text);
}

/** A call, an index, a template, or nothing more than the statement's end. */
const isOperandsOwn = (behind: string): boolean => /^[ \t]*[([`]|^[ \t]*\?\.|^[ \t]*;[ \t]*(?:\/\/.*)?$/.test(behind);

function isCommandWithoutName(text: string): boolean {
  // A regular expression that something is done with.
  if (/^\/(?:[^/\\[]|\\.|\[[^\]]*\])+\/[dgimsuvy]*\.\w+\(/.test(text)) return false;
  if (/^(?:\.{0,2}\/|~[\w-]*\/)/.test(text)) return true;
  if (/^\{[^{}:,;]+\}(?:$|[ \t/.\w-])/.test(text)) return true;
  const quoted = /^(?:"[^"]*"|'[^']*')[ \t]+(\S+)/.exec(text) ?? /^\d+[A-Za-z_]\w*[ \t]+(\S+)/.exec(text);
  return (
    quoted !== null && /^[\w./"'-]/.test(quoted[1] as string) && !/^(?:in|instanceof|as)$/.test(quoted[1] as string)
  );
}

/** The names that a cell's text declares, in statements of any kind: with some that it does not, never without one. */
export function declaredNames(source: string): Set<string> {
  const names = new Set<string>();
  const declaration =
    /\b(?:const|let|var|function|class|enum|namespace|import|catch)\b[ \t*(]*(?:type\b)?\s*(\{[^}]*\}|\[[^\]]*\]|[^\n;={[(]*)([^\n;=]*)/g;
  for (const [, first = "", more = ""] of source.matchAll(declaration))
    for (const [name] of `${first} ${more}`.matchAll(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu)) names.add(name);
  return names;
}
