/**
 * Rewrites the references of a text: what a name stands for is decided by the caller, scopes are those of the language, and
 * types are left alone. Used for cells, whose names are boxes, and for modules, whose imports are namespaces.
 */
import ts from "typescript";
import { isTopLevelVar } from "./scan";

const f = ts.factory;

/** What a top-level name becomes; undefined: it stays. A new expression each time. */
export type Replace = (name: string) => ts.Expression | undefined;

interface Scope {
  locals?: Map<string, unknown>;
  symbol?: { exports?: Map<string, unknown> };
}

/** A rewriter of one file, which must be bound (its nodes have parents and locals). */
export class Rewriter {
  readonly #file: ts.SourceFile;
  readonly #context: ts.TransformationContext;
  readonly #replace: Replace;
  /** `var`s of blocks become assignments: their names live outside. */
  readonly #hoistVars: boolean;

  constructor(file: ts.SourceFile, context: ts.TransformationContext, replace: Replace, hoistVars: boolean) {
    this.#file = file;
    this.#context = context;
    this.#replace = replace;
    this.#hoistVars = hoistVars;
  }

  /** What `name` stands for at the top level. */
  reference(name: string): ts.Expression | undefined {
    return this.#replace(name);
  }

  /** The node with its references rewritten. */
  readonly visit = <T extends ts.Node>(node: T): T => this.#visit(node) as unknown as T;

  /** The children of the node rewritten. */
  children<T extends ts.Node>(node: T): T {
    return ts.visitEachChild(node, this.visit, this.#context);
  }

  #visit(node: ts.Node): ts.Node {
    if (ts.isIdentifier(node)) return this.#identifier(node) ?? node;
    if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return node;
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isTypeParameterDeclaration(node))
      return node;
    if (ts.isHeritageClause(node) && node.token === ts.SyntaxKind.ImplementsKeyword) return node;
    if (ts.isShorthandPropertyAssignment(node)) return this.#shorthand(node);
    if (isLongData(node)) return ts.setTextRange(f.createIdentifier(node.getText(this.#file)), node);
    if (ts.isCallExpression(node)) return this.#call(node);
    if (ts.isTaggedTemplateExpression(node) && ts.isIdentifier(node.tag)) {
      const tag = this.#identifier(node.tag);
      const template = this.visit(node.template);
      return f.updateTaggedTemplateExpression(
        node,
        tag ? unbound(tag, node.tag) : node.tag,
        node.typeArguments,
        template,
      );
    }
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
      return ts.setTextRange(f.createIdentifier("$meta"), node);
    }
    if (this.#hoistVars && ts.isVariableStatement(node) && isTopLevelVar(node.declarationList)) {
      const assignments = this.assignments(node.declarationList);
      return assignments ? ts.setTextRange(f.createExpressionStatement(assignments), node) : f.createEmptyStatement();
    }
    if (this.#hoistVars && ts.isVariableDeclarationList(node) && isTopLevelVar(node)) return this.#loopVars(node);
    return this.children(node);
  }

  #identifier(node: ts.Identifier): ts.Expression | undefined {
    if (!isReference(node) || this.#isShadowed(node)) return undefined;
    const replaced = this.#replace(node.text);
    return replaced && ts.setTextRange(replaced, node);
  }

  /** Whether a scope between the node and the top level declares its name. */
  #isShadowed(id: ts.Identifier): boolean {
    const name = id.escapedText as string;
    for (let node = id.parent; node !== this.#file && node !== undefined; node = node.parent) {
      const scope = node as unknown as Scope;
      if (scope.locals?.has(name)) return true;
      const isBody = ts.isModuleDeclaration(node) || ts.isEnumDeclaration(node);
      if (isBody && scope.symbol?.exports?.has(name)) return true;
      if (ts.isFunctionExpression(node) || ts.isClassLike(node)) {
        if (node.name?.text === id.text) return true;
      }
    }
    return false;
  }

  #shorthand(node: ts.ShorthandPropertyAssignment): ts.Node {
    const value = this.#identifier(node.name);
    if (value === undefined) return this.children(node);
    const initial = node.objectAssignmentInitializer;
    const name = f.createIdentifier(node.name.text);
    return f.createPropertyAssignment(name, initial ? f.createAssignment(value, this.visit(initial)) : value);
  }

  #call(node: ts.CallExpression): ts.Node {
    const { expression: callee, typeArguments: types } = node;
    const args = node.arguments.map((each) => this.visit(each));
    let called: ts.Expression;
    if (callee.kind === ts.SyntaxKind.ImportKeyword) {
      called = ts.setTextRange(f.createIdentifier("$import"), callee);
      return f.updateCallExpression(node, called, undefined, attributesOf(args));
    }
    const replaced = ts.isIdentifier(callee) ? this.#identifier(callee) : undefined;
    called = replaced ? unbound(replaced, callee) : this.visit(callee);
    return ts.isCallChain(node)
      ? f.updateCallChain(node, called, node.questionDotToken, types, args)
      : f.updateCallExpression(node, called, types, args);
  }

  /** `var`s at the head of a `for`. */
  #loopVars(list: ts.VariableDeclarationList): ts.Node {
    const [first] = list.declarations;
    if (ts.isForStatement(list.parent)) return this.assignments(list) ?? f.createNull();
    return first ? this.target(first.name) : list;
  }

  /** The declarations with values as assignments, one expression; undefined when there is none. */
  assignments(list: ts.VariableDeclarationList): ts.Expression | undefined {
    const all = list.declarations.flatMap((each) => {
      if (each.initializer === undefined) return [];
      return [this.assignment(each.name, this.visit(each.initializer), each)];
    });
    return all.length === 0 ? undefined : all.reduce((left, right) => f.createComma(left, right));
  }

  /** `name = value`, where `name` may be a pattern. */
  assignment(name: ts.BindingName, value: ts.Expression, range: ts.TextRange): ts.Expression {
    const assigned = ts.setTextRange(f.createAssignment(this.target(name), value), range);
    return ts.isObjectBindingPattern(name) ? f.createParenthesizedExpression(assigned) : assigned;
  }

  /** What is assigned to when a declaration of `name` becomes an assignment. */
  target(name: ts.BindingName): ts.Expression {
    if (ts.isIdentifier(name)) return ts.setTextRange(this.#replace(name.text) ?? f.createIdentifier(name.text), name);
    const withDefault = (target: ts.Expression, initial: ts.Expression | undefined): ts.Expression =>
      initial ? f.createAssignment(target, this.visit(initial)) : target;
    if (ts.isArrayBindingPattern(name)) {
      const elements = name.elements.map((each) => {
        if (ts.isOmittedExpression(each)) return f.createOmittedExpression();
        const target = this.target(each.name);
        return each.dotDotDotToken ? f.createSpreadElement(target) : withDefault(target, each.initializer);
      });
      return f.createArrayLiteralExpression(elements);
    }
    const properties = name.elements.map((each) => {
      const target = this.target(each.name);
      if (each.dotDotDotToken) return f.createSpreadAssignment(target);
      const key = each.propertyName ?? f.createIdentifier((each.name as ts.Identifier).text);
      const property = ts.isComputedPropertyName(key) ? this.visit(key) : key;
      return f.createPropertyAssignment(property, withDefault(target, each.initializer));
    });
    return f.createObjectLiteralExpression(properties);
  }
}

/** `(0, f)`, by which a function is called without a `this`. */
function unbound(expression: ts.Expression, range: ts.TextRange): ts.Expression {
  const comma = f.createComma(f.createNumericLiteral(0), expression);
  return ts.setTextRange(f.createParenthesizedExpression(comma), range);
}

/** The arguments of `import()` as `$import` takes them: `{ with: { type: "json" } }` becomes its attributes. */
function attributesOf([specifier, options]: ts.Expression[]): ts.Expression[] {
  if (specifier === undefined) return [];
  if (options === undefined) return [specifier];
  return [specifier, f.createPropertyAccessExpression(f.createParenthesizedExpression(options), "with")];
}

/** Whether an identifier of an expression stands for a variable. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (parent === undefined) return false;
  if (ts.isJsxOpeningLikeElement(parent) || ts.isJsxClosingElement(parent)) return !/^[a-z]/.test(node.text);
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  if (ts.isExportAssignment(parent) || ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isQualifiedName(parent) || ts.isImportEqualsDeclaration(parent)) return false;
  if (ts.isImportOrExportSpecifier(parent) || ts.isImportClause(parent)) return false;
  if (ts.isNamespaceImport(parent) || ts.isNamespaceExport(parent) || ts.isMetaProperty(parent)) return false;
  if (ts.isLabeledStatement(parent) || ts.isBreakOrContinueStatement(parent)) return false;
  if (ts.isJsxNamespacedName(parent) || ts.isImportAttribute(parent)) return false;
  return (parent as { name?: ts.Node }).name !== node;
}

/** Elements from which on a literal is copied as text: to print it, part by part with places, costs more than to check it. */
const LONG = 500;

/** Whether a node is a long array or object of nothing but data. */
function isLongData(node: ts.Node): boolean {
  if (ts.isArrayLiteralExpression(node)) return node.elements.length >= LONG && isData(node);
  return ts.isObjectLiteralExpression(node) && node.properties.length >= LONG && isData(node);
}

function isData(node: ts.Expression): boolean {
  if (ts.isArrayLiteralExpression(node)) return node.elements.every(isData);
  if (ts.isObjectLiteralExpression(node)) {
    return node.properties.every(
      (each) => ts.isPropertyAssignment(each) && !ts.isComputedPropertyName(each.name) && isData(each.initializer),
    );
  }
  if (ts.isPrefixUnaryExpression(node)) return ts.isNumericLiteral(node.operand);
  const { kind } = node;
  const { TrueKeyword, FalseKeyword, NullKeyword } = ts.SyntaxKind;
  return ts.isLiteralExpression(node) || kind === TrueKeyword || kind === FalseKeyword || kind === NullKeyword;
}
