/** Inspection: the type and documentation of a name, the signature of the call around the cursor, its options. */
import type ts from "typescript";
import { documentationOf, tagsText, textOf } from "./documentation";
import { optionsText } from "./options";

/** Where something is to be explained; positions are of the file. */
export interface ExplainQuery {
  service: ts.LanguageService;
  path: string;
  position: number;
}

/** What there is to say of the name at a position; undefined where no name is. */
export function explainName({ service, path, position }: ExplainQuery): string | undefined {
  const info = service.getQuickInfoAtPosition(path, position);
  if (info === undefined) return undefined;
  const head = textOf(info.displayParts)
    .replace(/^\(alias\) /, "")
    .replace(/\nimport [\w$]+$/, "")
    .replace(/import\("[^"]*__cell_\d+"\)\./g, "");
  return joined([head, documentationOf(info.documentation), tagsText(info.tags)]);
}

/** The signatures of the call around a position, with the parameter that the position is at; undefined outside of calls. */
export function explainCall({ service, path, position }: ExplainQuery): string | undefined {
  const help = service.getSignatureHelpItems(path, position, {});
  if (help === undefined) return undefined;
  const { items, selectedItemIndex, argumentIndex } = help;
  const chosen = items[selectedItemIndex] as ts.SignatureHelpItem;
  const others = items.filter((each) => each !== chosen).map((each) => signatureText(each));
  const at = placeOf(chosen, argumentIndex);
  const parameter = chosen.parameters[at];
  const about = documentationOf(parameter?.documentation);
  const program = service.getProgram() as ts.Program;
  return joined([
    [signatureText(chosen, at), ...others].join("\n"),
    optionsText(program.getTypeChecker(), program.getSourceFile(path) as ts.SourceFile, position),
    documentationOf(chosen.documentation),
    about === "" ? "" : `${parameter?.name}: ${about}`,
    tagsText(chosen.tags.filter(({ name }) => name !== "param")),
  ]);
}

/** Which parameter an argument is: the last one takes all that follow. */
function placeOf({ isVariadic, parameters }: ts.SignatureHelpItem, argument: number): number {
  return isVariadic ? Math.min(argument, parameters.length - 1) : argument;
}

/** A signature, with parameter number `at` in angle brackets. */
function signatureText(item: ts.SignatureHelpItem, at?: number): string {
  const parameters = item.parameters.map((each, i) => {
    const shown = textOf(each.displayParts);
    return i === at ? `‹${shown}›` : shown;
  });
  const separator = textOf(item.separatorDisplayParts);
  return textOf(item.prefixDisplayParts) + parameters.join(separator) + textOf(item.suffixDisplayParts);
}

/** Texts that are not empty, with a line between them. */
const joined = (texts: readonly string[]): string => texts.filter((each) => each !== "").join("\n\n");
