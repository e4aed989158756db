/**
 * Counts which statements and which branches of the built library run: each gets a counter in its text, before Node
 * compiles it. By TypeScript's parser, which is here anyway; @jazzer.js, which would do it, needs a glibc of 2024.
 */
const { Module } = require("node:module");
const { readFileSync } = require("node:fs");
const ts = require("typescript");

/** How often each place ran since the counts were last looked at, at most 255 times. */
const counts = new Uint8Array(1 << 16);
/** By place: its file and line. */
const places = [];
/** Texts in the sources, which inputs are made of. */
const words = new Set();

/**
 * Instruments the files that `wanted` picks, as they are loaded.
 *
 * @param {(file: string) => boolean} wanted
 */
function instrument(wanted) {
  globalThis.__ran = counts;
  const { _extensions: extensions } = Module;
  const plain = extensions[".js"];
  extensions[".js"] = (module, file) => {
    if (!wanted(file)) return plain(module, file);
    module._compile(counted(readFileSync(file, "utf8"), file), file);
  };
}

/** A file's text with its counters. */
function counted(text, file) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const { factory } = ts;
  const line = (node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
  const count = (node) => {
    const id = places.push({ file, line: line(node) }) - 1;
    if (id >= counts.length) throw new Error("more places than counters");
    return factory.createPostfixIncrement(factory.createElementAccessExpression(factory.createIdentifier("__ran"), id));
  };
  const before = (node) => factory.createExpressionStatement(count(node));
  const visitor = (context) => {
    const visit = (node) => {
      if (ts.isStringLiteral(node) && node.text.length > 0 && node.text.length < 60) words.add(node.text);
      const made = ts.visitEachChild(node, visit, context);
      if (ts.isBlock(node)) return factory.updateBlock(made, statements(node.statements, made.statements));
      if (ts.isCaseClause(node))
        return factory.updateCaseClause(made, made.expression, statements(node.statements, made.statements));
      if (ts.isDefaultClause(node))
        return factory.updateDefaultClause(made, statements(node.statements, made.statements));
      const body = (one, original) => (ts.isBlock(one) ? one : factory.createBlock([before(original), one], true));
      if (ts.isIfStatement(node))
        return factory.updateIfStatement(
          made,
          made.expression,
          body(made.thenStatement, node.thenStatement),
          made.elseStatement && body(made.elseStatement, node.elseStatement),
        );
      if (ts.isForStatement(node))
        return factory.updateForStatement(
          made,
          made.initializer,
          made.condition,
          made.incrementor,
          body(made.statement, node.statement),
        );
      if (ts.isForOfStatement(node))
        return factory.updateForOfStatement(
          made,
          made.awaitModifier,
          made.initializer,
          made.expression,
          body(made.statement, node.statement),
        );
      if (ts.isWhileStatement(node))
        return factory.updateWhileStatement(made, made.expression, body(made.statement, node.statement));
      const comma = (one, original) => factory.createParenthesizedExpression(factory.createComma(count(original), one));
      if (ts.isConditionalExpression(node))
        return factory.updateConditionalExpression(
          made,
          made.condition,
          made.questionToken,
          comma(made.whenTrue, node.whenTrue),
          made.colonToken,
          comma(made.whenFalse, node.whenFalse),
        );
      const logical = [
        ts.SyntaxKind.AmpersandAmpersandToken,
        ts.SyntaxKind.BarBarToken,
        ts.SyntaxKind.QuestionQuestionToken,
      ];
      if (ts.isBinaryExpression(node) && logical.includes(node.operatorToken.kind))
        return factory.updateBinaryExpression(made, made.left, made.operatorToken, comma(made.right, node.right));
      if (ts.isArrowFunction(node) && !ts.isBlock(node.body))
        return factory.updateArrowFunction(
          made,
          made.modifiers,
          made.typeParameters,
          made.parameters,
          made.type,
          made.equalsGreaterThanToken,
          comma(made.body, node.body),
        );
      return made;
    };
    const statements = (originals, all) =>
      all.flatMap((statement, i) => {
        const hoisted = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement);
        return hoisted ? [statement] : [before(originals[i]), statement];
      });
    return (node) => ts.visitNode(node, visit);
  };
  const { transformed } = ts.transform(source, [visitor]);
  return ts.createPrinter().printFile(transformed[0]);
}

module.exports = { instrument, counts, places, words };
