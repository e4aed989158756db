/**
 * Counts what of the built library runs: each statement, and each way that a branch can go (the body of an `if` and its
 * absence, both sides of `?:`, `&&`, `||` and `??`, a default that is used) gets a counter in its text before Node compiles
 * it. Such a place is what "edge" means here, as it does for libFuzzer; `?.` alone is none. By TypeScript's parser, which
 * is here anyway; @jazzer.js, which would do it, needs a glibc of 2024.
 */
const { Module } = require("node:module");
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const ts = require("typescript");
const { placesAtMost } = require("./shared.cjs");

/**
 * Gives the files below some folders their counters.
 *
 * @param {string[]} folders
 * @returns The files' texts; by place its file, and its line where it is one's beginning; names and texts in the sources,
 *   which inputs are made of.
 */
function instrumented(folders) {
  const places = [];
  const words = new Set();
  const texts = new Map();
  for (const folder of folders)
    for (const name of readdirSync(folder, { recursive: true }).sort())
      if (name.endsWith(".js")) texts.set(join(folder, name), counted(join(folder, name), places, words));
  if (places.length > placesAtMost) throw new Error(`${places.length} places, and counters for ${placesAtMost}`);
  return { texts, places, words: [...words] };
}

/** Has Node load those texts in place of the files. */
function loadInstrumented(texts, counts) {
  globalThis.__ran = counts;
  const { _extensions: extensions } = Module;
  const plain = extensions[".js"];
  extensions[".js"] = (module, file) => {
    const text = texts.get(file);
    if (text === undefined) plain(module, file);
    else module._compile(text, file);
  };
}

const { factory } = ts;
const { SyntaxKind: kinds } = ts;

/** A file's text with its counters. */
function counted(file, places, words) {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2022, true);
  const count = (node) => {
    const line = node && source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    const id = places.push({ file, line }) - 1;
    return factory.createPostfixIncrement(factory.createElementAccessExpression(factory.createIdentifier("__ran"), id));
  };
  const visitor = (context) => {
    const visit = (node) => {
      collect(node, words);
      const made = ts.visitEachChild(node, visit, context);
      const change = changes[node.kind];
      return change ? change(made, node, count) : made;
    };
    return (node) => ts.visitNode(node, visit);
  };
  const { transformed } = ts.transform(source, [visitor]);
  // What a branch depends on is kept here until the branch is taken, which is at once.
  return `let __value;${ts.createPrinter().printFile(transformed[0])}`;
}

function collect(node, words) {
  if (ts.isStringLiteral(node) && node.text.length > 0 && node.text.length < 60) words.add(node.text);
  const named = ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node) || ts.isBindingElement(node);
  if (named && ts.isIdentifier(node.name)) words.add(node.name.text);
}

const before = (count, original) => factory.createExpressionStatement(count(original));
/** Statements with a counter before each. */
const statements = (all, originals, count) =>
  all.flatMap((statement, i) => {
    const hoisted = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement);
    return hoisted ? [statement] : [before(count, originals[i]), statement];
  });
const body = (one, original, count) =>
  ts.isBlock(one) ? one : factory.createBlock([before(count, original), one], true);
const comma = (one, original, count) =>
  factory.createParenthesizedExpression(factory.createComma(count(original), one));
const value = () => factory.createIdentifier("__value");

const changes = {
  [kinds.Block]: (made, node, count) => factory.updateBlock(made, statements(made.statements, node.statements, count)),
  [kinds.CaseClause]: (made, node, count) =>
    factory.updateCaseClause(made, made.expression, statements(made.statements, node.statements, count)),
  [kinds.DefaultClause]: (made, node, count) =>
    factory.updateDefaultClause(made, statements(made.statements, node.statements, count)),
  [kinds.IfStatement]: (made, node, count) =>
    factory.updateIfStatement(
      made,
      made.expression,
      body(made.thenStatement, node.thenStatement, count),
      made.elseStatement
        ? body(made.elseStatement, node.elseStatement, count)
        : factory.createBlock([before(count, undefined)]),
    ),
  [kinds.ForStatement]: (made, node, count) =>
    factory.updateForStatement(
      made,
      made.initializer,
      made.condition,
      made.incrementor,
      body(made.statement, node.statement, count),
    ),
  [kinds.ForOfStatement]: (made, node, count) =>
    factory.updateForOfStatement(
      made,
      made.awaitModifier,
      made.initializer,
      made.expression,
      body(made.statement, node.statement, count),
    ),
  [kinds.WhileStatement]: (made, node, count) =>
    factory.updateWhileStatement(made, made.expression, body(made.statement, node.statement, count)),
  [kinds.ConditionalExpression]: (made, node, count) =>
    factory.updateConditionalExpression(
      made,
      made.condition,
      made.questionToken,
      comma(made.whenTrue, node.whenTrue, count),
      made.colonToken,
      comma(made.whenFalse, node.whenFalse, count),
    ),
  [kinds.BinaryExpression]: (made, node, count) => {
    const { kind } = node.operatorToken;
    const assigns = [kinds.QuestionQuestionEqualsToken, kinds.BarBarEqualsToken, kinds.AmpersandAmpersandEqualsToken];
    if (assigns.includes(kind))
      return factory.updateBinaryExpression(made, made.left, made.operatorToken, comma(made.right, node.right, count));
    const right = () => comma(made.right, node.right, count);
    const left = () => comma(value(), undefined, count);
    const kept = factory.createParenthesizedExpression(factory.createAssignment(value(), made.left));
    const either = (test, yes, no) =>
      factory.createParenthesizedExpression(factory.createConditionalExpression(test, undefined, yes, undefined, no));
    if (kind === kinds.AmpersandAmpersandToken) return either(kept, right(), left());
    if (kind === kinds.BarBarToken) return either(kept, left(), right());
    if (kind === kinds.QuestionQuestionToken)
      return either(
        factory.createBinaryExpression(kept, kinds.ExclamationEqualsToken, factory.createNull()),
        left(),
        right(),
      );
    return made;
  },
  [kinds.Parameter]: (made, _node, count) =>
    made.initializer
      ? factory.updateParameterDeclaration(
          made,
          made.modifiers,
          made.dotDotDotToken,
          made.name,
          made.questionToken,
          made.type,
          comma(made.initializer, undefined, count),
        )
      : made,
  [kinds.BindingElement]: (made, _node, count) =>
    made.initializer
      ? factory.updateBindingElement(
          made,
          made.dotDotDotToken,
          made.propertyName,
          made.name,
          comma(made.initializer, undefined, count),
        )
      : made,
  [kinds.ArrowFunction]: (made, node, count) =>
    ts.isBlock(node.body)
      ? made
      : factory.updateArrowFunction(
          made,
          made.modifiers,
          made.typeParameters,
          made.parameters,
          made.type,
          made.equalsGreaterThanToken,
          comma(made.body, node.body, count),
        ),
};

module.exports = { instrumented, loadInstrumented };
