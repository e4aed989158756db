/**
 * A cell's JavaScript. Top-level names are boxes of the session, `x` is `x$.v`, so that every function sees what later cells
 * assign; a loop over one is as fast as over a local variable.
 */
import ts from "typescript";
import type { JavaScript } from "../compiled";
import { jsxFactories, rootOf, withoutPragmas } from "./jsx";
import type { Rewriter } from "./rewrite";
import { boundNames, hasModifier, isInstantiated, isTopLevelVar, parse, type Scan } from "./scan";
import { callStatement, constant, importCall, type Language, transpile, withoutExport } from "./transpile";

const f = ts.factory;

export interface CellNames {
  /** Whether an earlier cell gave the name a value. */
  isEarlier(name: string): boolean;
  /** Whether an imported name has a value, as far as its types tell. */
  isValue(name: string): boolean;
  /** The names that `export * from specifier` brings. */
  exportsOf(specifier: string): string[];
}

/** The cell's code; `strict` false is for JavaScript notebooks. */
export function cellCode(
  scan: Scan,
  language: Language,
  names: CellNames,
  strict: boolean,
): { javascript: JavaScript; hasValue: boolean } {
  const { own, file } = scan;
  const suffix = freeSuffix(file.text);
  const boxes = new Map<string, "own" | "scope">();
  const isTop = (name: string): boolean => {
    const kind = own.get(name);
    return kind === undefined ? names.isEarlier(name) : kind !== "type";
  };
  const box = (name: string): ts.Expression => {
    boxes.set(name, own.has(name) ? "own" : "scope");
    return f.createPropertyAccessExpression(f.createIdentifier(name + suffix), "v");
  };
  const maker = new CellStatements(box, names);
  const factories = jsxFactories(scan, language);
  const boxed = (expression: string): string => {
    const root = rootOf(expression);
    if (!isTop(root)) return expression;
    box(root);
    return `${root}${suffix}.v${expression.slice(root.length)}`;
  };
  const javascript = transpile(
    factories ? parse(file.fileName, withoutPragmas(file.text)) : file,
    factories
      ? {
          ...language,
          jsx: ts.JsxEmit.React,
          jsxFactory: boxed(factories.element),
          jsxFragmentFactory: boxed(factories.fragment),
        }
      : language,
    {
      replace: (name) => (isTop(name) ? box(name) : undefined),
      hoistVars: true,
      statements: (rewriter, file) => maker.statements(rewriter, file),
    },
    () => {
      const declared = [...boxes].map(([name, how]) => `${name}${suffix}=$${how}(${JSON.stringify(name)})`);
      return (strict ? '"use strict";' : "") + (declared.length > 0 ? `const ${declared.join(",")};` : "");
    },
  );
  return { javascript, hasValue: maker.hasValue };
}

/** What makes a box's variable of a name without being a name of the text. */
function freeSuffix(text: string): string {
  let suffix = "$";
  while (new RegExp(`[\\w$]${suffix.replace(/\$/g, "\\$")}(?![\\w$])`).test(text)) suffix += "$";
  return suffix;
}

class CellStatements {
  hasValue = false;
  readonly #box: (name: string) => ts.Expression;
  readonly #names: CellNames;
  readonly #hoisted: ts.Statement[] = [];
  readonly #imports: ts.Statement[] = [];
  #modules = 0;

  constructor(box: (name: string) => ts.Expression, names: CellNames) {
    this.#box = box;
    this.#names = names;
  }

  statements(rewriter: Rewriter, file: ts.SourceFile): ts.Statement[] {
    const last = file.statements.findLast((each) => !ts.isEmptyStatement(each));
    const body = file.statements.flatMap((each) => this.#statement(rewriter, each, each === last));
    return [...this.#hoisted, ...this.#imports, ...body];
  }

  #statement(rewriter: Rewriter, node: ts.Statement, isLast: boolean): ts.Statement[] {
    if (hasModifier(node, ts.SyntaxKind.DeclareKeyword)) return [];
    if (ts.isImportDeclaration(node)) return this.#import(node);
    if (ts.isExportDeclaration(node)) return this.#export(node);
    if (ts.isImportEqualsDeclaration(node)) return this.#importEquals(rewriter, node);
    if (ts.isExportAssignment(node)) return [this.#expression(rewriter, node.expression, node, isLast)];
    if (ts.isExpressionStatement(node)) {
      return [isLast ? this.#expression(rewriter, node.expression, node, true) : rewriter.visit(node)];
    }
    if (ts.isVariableStatement(node)) return this.#variables(rewriter, node);
    if (ts.isFunctionDeclaration(node)) return this.#function(rewriter, node, isLast);
    if (ts.isClassDeclaration(node)) return this.#class(rewriter, node, isLast);
    if (ts.isEnumDeclaration(node)) {
      const modifiers = withoutExport(node, ts.SyntaxKind.ConstKeyword);
      const { name, members } = rewriter.children(node);
      return [f.updateEnumDeclaration(node, modifiers, name, members), this.#keep(name.text)];
    }
    if (ts.isModuleDeclaration(node)) {
      if (!ts.isIdentifier(node.name) || !isInstantiated(node)) return [];
      const { name, body } = rewriter.children(node);
      return [f.updateModuleDeclaration(node, withoutExport(node), name, body), this.#keep(node.name.text)];
    }
    return [rewriter.visit(node)];
  }

  /** `x$.v = x;`: a declaration's value, for everybody. */
  #keep(name: string): ts.Statement {
    return f.createExpressionStatement(f.createAssignment(this.#box(name), f.createIdentifier(name)));
  }

  #expression(rewriter: Rewriter, expression: ts.Expression, range: ts.Node, isLast: boolean): ts.Statement {
    const value = rewriter.visit(expression);
    if (!isLast) return ts.setTextRange(f.createExpressionStatement(value), range);
    this.hasValue = true;
    const target = f.createPropertyAccessExpression(f.createIdentifier("$last"), "v");
    return ts.setTextRange(f.createExpressionStatement(f.createAssignment(target, value)), range);
  }

  #variables(rewriter: Rewriter, node: ts.VariableStatement): ts.Statement[] {
    const list = node.declarationList;
    const flags = list.flags & ts.NodeFlags.BlockScoped;
    const isUsing = (flags & ts.NodeFlags.Using) === ts.NodeFlags.Using;
    return list.declarations.flatMap((each) => {
      const value = each.initializer && rewriter.visit(each.initializer);
      const isVar = isTopLevelVar(list);
      if (isUsing || (value && ts.isIdentifier(each.name) && isNamedByDeclaration(value))) {
        // A function takes its name from a declaration, not from the assignment to a box.
        const declaration = f.updateVariableDeclaration(each, each.name, undefined, undefined, value);
        const kept = ts.setTextRange(f.createVariableDeclarationList([declaration], isVar ? 0 : flags), list);
        const names = boundNames(each.name).map((name) => this.#keep(name));
        return [ts.setTextRange(f.createVariableStatement(undefined, kept), node), ...names];
      }
      if (value === undefined && isVar) {
        this.#box((each.name as ts.Identifier).text); // Declared again, it keeps its value.
        return [];
      }
      const assigned = rewriter.assignment(each.name, value ?? f.createVoidZero(), each);
      return [ts.setTextRange(f.createExpressionStatement(assigned), node)];
    });
  }

  #function(rewriter: Rewriter, node: ts.FunctionDeclaration, isLast: boolean): ts.Statement[] {
    if (node.body === undefined) return [];
    const { asteriskToken, typeParameters, type } = node;
    const { parameters, body } = rewriter.children(node);
    if (node.name === undefined) {
      const modifiers = withoutExport(node) as ts.Modifier[] | undefined;
      const made = f.createFunctionExpression(
        modifiers,
        asteriskToken,
        undefined,
        typeParameters,
        parameters,
        type,
        body as ts.Block,
      );
      return [this.#made(made, node, isLast)];
    }
    this.#hoisted.push(this.#keep(node.name.text));
    const modifiers = withoutExport(node);
    return [
      f.updateFunctionDeclaration(node, modifiers, asteriskToken, node.name, typeParameters, parameters, type, body),
    ];
  }

  #class(rewriter: Rewriter, node: ts.ClassDeclaration, isLast: boolean): ts.Statement[] {
    const { typeParameters } = node;
    const { heritageClauses, members, modifiers: visited } = rewriter.children(node);
    const modifiers = withoutExport({ modifiers: visited } as ts.HasModifiers);
    if (node.name === undefined) {
      return [
        this.#made(
          f.createClassExpression(modifiers, undefined, typeParameters, heritageClauses, members),
          node,
          isLast,
        ),
      ];
    }
    const declared = f.updateClassDeclaration(node, modifiers, node.name, typeParameters, heritageClauses, members);
    return [declared, this.#keep(node.name.text)];
  }

  /** `export default` of something without a name is its value. */
  #made(expression: ts.Expression, range: ts.Node, isLast: boolean): ts.Statement {
    if (isLast) this.hasValue = true;
    const value = f.createParenthesizedExpression(expression);
    const target = f.createPropertyAccessExpression(f.createIdentifier("$last"), "v");
    const statement = f.createExpressionStatement(isLast ? f.createAssignment(target, value) : value);
    return ts.setTextRange(statement, range);
  }

  /** Imports come first, as in a module; their names are live. */
  #import(node: ts.ImportDeclaration): ts.Statement[] {
    const clause = node.importClause;
    if (clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return [];
    const call = (): ts.Expression => importCall(node.moduleSpecifier, node.attributes);
    if (clause === undefined) {
      this.#imports.push(ts.setTextRange(f.createExpressionStatement(call()), node));
      return [];
    }
    const links: [name: string, key: string][] = [];
    if (clause.name) links.push([clause.name.text, "default"]);
    const bindings = clause.namedBindings;
    if (bindings && ts.isNamespaceImport(bindings)) links.push([bindings.name.text, "*"]);
    else
      for (const each of bindings?.elements ?? [])
        if (!each.isTypeOnly) links.push([each.name.text, (each.propertyName ?? each.name).text]);
    const values = links.filter(([name]) => this.#names.isValue(name));
    // A module of which types alone are imported need not be there at run time.
    if (values.length > 0 || (links.length === 0 && !bindings)) this.#link(call(), values, node);
    return [];
  }

  #link(module: ts.Expression, links: [name: string, key: string][], range: ts.Node): void {
    this.#modules += 1;
    const name = `$module${this.#modules}`;
    this.#imports.push(constant(name, module, range));
    for (const [own, key] of links) {
      this.#box(own);
      const strings = [own, key].map((each) => f.createStringLiteral(each));
      this.#imports.push(
        callStatement("$link", strings[0] as ts.Expression, f.createIdentifier(name), strings[1] as ts.Expression),
      );
    }
  }

  #export(node: ts.ExportDeclaration): ts.Statement[] {
    const { exportClause: clause, moduleSpecifier: from } = node;
    if (node.isTypeOnly) return [];
    if (from !== undefined) {
      const links: [string, string][] = [];
      if (clause === undefined) {
        const names = ts.isStringLiteral(from) ? this.#names.exportsOf(from.text) : [];
        for (const name of names) links.push([name, name]);
      } else if (ts.isNamespaceExport(clause)) links.push([clause.name.text, "*"]);
      else for (const { name, propertyName } of clause.elements) links.push([name.text, (propertyName ?? name).text]);
      this.#link(
        importCall(from, node.attributes),
        links.filter(([name]) => name !== "default"),
        node,
      );
      return [];
    }
    if (clause === undefined || ts.isNamespaceExport(clause)) return [];
    return clause.elements.flatMap(({ name, propertyName, isTypeOnly }) => {
      if (isTypeOnly || propertyName === undefined || name.text === "default") return [];
      const value = this.#box((propertyName as ts.Identifier).text);
      return [ts.setTextRange(f.createExpressionStatement(f.createAssignment(this.#box(name.text), value)), node)];
    });
  }

  /** `import x = require("m")` and `import x = A.B`. */
  #importEquals(rewriter: Rewriter, node: ts.ImportEqualsDeclaration): ts.Statement[] {
    const { moduleReference: from, name } = node;
    if (node.isTypeOnly) return [];
    const value = ts.isExternalModuleReference(from)
      ? f.createCallExpression(f.createIdentifier("require"), undefined, [from.expression])
      : entity(rewriter, from);
    return [ts.setTextRange(f.createExpressionStatement(f.createAssignment(this.#box(name.text), value)), node)];
  }
}

function entity(rewriter: Rewriter, name: ts.EntityName): ts.Expression {
  if (ts.isIdentifier(name)) return rewriter.reference(name.text) ?? name;
  return f.createPropertyAccessExpression(entity(rewriter, name.left), name.right);
}

/** Whether a value is a function or class that has no name of its own. */
function isNamedByDeclaration(value: ts.Expression): boolean {
  if (ts.isArrowFunction(value)) return true;
  return (ts.isFunctionExpression(value) || ts.isClassExpression(value)) && value.name === undefined;
}
