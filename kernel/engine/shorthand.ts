/**
 * tslab turns the names of earlier cells into `exports.name`, but leaves `{ name }` as it is: it asks the compiler for the
 * name's symbol and is told the property's. Here shorthand is written out before tslab's own step, and the compiler's
 * answer for such a name is the variable's symbol.
 */
import type * as TypeScript from "@tslab/typescript-for-tslab";

/** The transformers of an emit, with shorthand written out first. */
export function withShorthand(
  ts: typeof TypeScript,
  program: TypeScript.Program,
  transformers: TypeScript.CustomTransformers | undefined,
): TypeScript.CustomTransformers {
  const checker = program.getTypeChecker();
  const symbolAt = checker.getSymbolAtLocation;
  checker.getSymbolAtLocation = (node) => {
    const { parent } = node;
    return parent && ts.isShorthandPropertyAssignment(parent) && parent.name === node
      ? checker.getShorthandAssignmentValueSymbol(parent)
      : symbolAt(node);
  };
  const { factory } = ts;
  const writeOut: TypeScript.TransformerFactory<TypeScript.SourceFile> = (context) => (file) => {
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      if (!ts.isShorthandPropertyAssignment(node)) return ts.visitEachChild(node, visit, context);
      const { name, objectAssignmentInitializer: initial } = node;
      // The value keeps the original identifier, by which tslab finds the variable; the key is a new one.
      const value = initial
        ? factory.createAssignment(name, ts.visitNode(initial, visit) as TypeScript.Expression)
        : name;
      return ts.setTextRange(factory.createPropertyAssignment(factory.createIdentifier(name.text), value), node);
    };
    return ts.visitEachChild(file, visit, context);
  };
  return { ...transformers, after: [writeOut, ...(transformers?.after ?? [])] };
}
