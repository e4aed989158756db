/** A local file's JavaScript: its imports are namespaces, `x` is `$module1.x`, and what it exports is live. */
import ts from "typescript";
import type { JavaScript } from "../compiled";
import type { Rewriter } from "./rewrite";
import { boundNames, hasModifier, isInstantiated } from "./scan";
import { callStatement, constant, importCall, type Language, transpile, withoutExport } from "./transpile";

const f = ts.factory;

/** The code of an ES module, whose tree serves once. */
export function moduleCode(file: ts.SourceFile, language: Language): JavaScript {
  const statements = new ModuleStatements();
  return transpile(
    file,
    language,
    {
      replace: (name) => statements.imported(name),
      hoistVars: false,
      statements: (rewriter, file) => statements.of(rewriter, file),
    },
    () => '"use strict";',
  );
}

interface Import {
  module: string;
  key: string;
  isUsed: boolean;
}

class ModuleStatements {
  readonly #names = new Map<string, Import>();
  readonly #exports: ts.Statement[] = [];
  #modules = 0;

  /** What an imported name stands for. */
  imported(name: string): ts.Expression | undefined {
    const found = this.#names.get(name);
    if (found === undefined) return undefined;
    found.isUsed = true;
    const module = f.createIdentifier(found.module);
    return found.key === "*" ? module : property(module, found.key);
  }

  of(rewriter: Rewriter, file: ts.SourceFile): ts.Statement[] {
    const imports = file.statements
      .filter(ts.isImportDeclaration)
      .map((node) => ({ node, module: this.#declare(node) }));
    const body = file.statements.flatMap((node) =>
      ts.isImportDeclaration(node) ? [] : this.#statement(rewriter, node),
    );
    const loads = imports.flatMap(({ node, module }) => {
      if (node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return [];
      const call = importCall(node.moduleSpecifier, node.attributes);
      if (node.importClause === undefined) return [ts.setTextRange(f.createExpressionStatement(call), node)];
      // As TypeScript does file by file: what is used only as a type is not loaded.
      const isUsed = [...this.#names.values()].some((each) => each.module === module && each.isUsed);
      return isUsed ? [constant(module, call, node)] : [];
    });
    return [...this.#exports, ...loads, ...body];
  }

  #declare({ importClause: clause }: ts.ImportDeclaration): string {
    const module = this.#module();
    const add = (name: string, key: string): void => {
      this.#names.set(name, { module, key, isUsed: false });
    };
    if (clause?.name) add(clause.name.text, "default");
    const bindings = clause?.namedBindings;
    if (bindings && ts.isNamespaceImport(bindings)) add(bindings.name.text, "*");
    else for (const { name, propertyName } of bindings?.elements ?? []) add(name.text, (propertyName ?? name).text);
    return module;
  }

  #module(): string {
    this.#modules += 1;
    return `$module${this.#modules}`;
  }

  /** `$export("name", () => value)`; before everything else, since others may ask while this module still loads. */
  #export(name: string, value: ts.Expression): void {
    const body = ts.isIdentifier(value) ? value : f.createParenthesizedExpression(value);
    const get = f.createArrowFunction(undefined, undefined, [], undefined, undefined, body);
    this.#exports.push(callStatement("$export", f.createStringLiteral(name), get));
  }

  #statement(rewriter: Rewriter, node: ts.Statement): ts.Statement[] {
    if (hasModifier(node, ts.SyntaxKind.DeclareKeyword)) return [];
    if (ts.isExportDeclaration(node)) return this.#exportDeclaration(rewriter, node);
    if (ts.isExportAssignment(node)) return [this.#default(rewriter.visit(node.expression), node)];
    const visited = rewriter.visit(node);
    if (!hasModifier(node, ts.SyntaxKind.ExportKeyword)) return [visited];
    const isDefault = hasModifier(node, ts.SyntaxKind.DefaultKeyword);
    const modifiers = withoutExport(visited as ts.HasModifiers);
    if (ts.isVariableStatement(visited)) {
      for (const { name } of visited.declarationList.declarations)
        for (const each of boundNames(name)) this.#export(each, f.createIdentifier(each));
      return [f.updateVariableStatement(visited, modifiers, visited.declarationList)];
    }
    if (ts.isFunctionDeclaration(visited)) {
      const { asteriskToken, typeParameters, parameters, type, body } = visited;
      if (body === undefined) return [];
      const name = visited.name ?? f.createIdentifier("$default");
      this.#export(isDefault ? "default" : name.text, f.createIdentifier(name.text));
      return [
        f.updateFunctionDeclaration(visited, modifiers, asteriskToken, name, typeParameters, parameters, type, body),
      ];
    }
    if (ts.isClassDeclaration(visited)) {
      const { typeParameters, heritageClauses, members } = visited;
      const name = visited.name ?? f.createIdentifier("$default");
      this.#export(isDefault ? "default" : name.text, f.createIdentifier(name.text));
      return [f.updateClassDeclaration(visited, modifiers, name, typeParameters, heritageClauses, members)];
    }
    if (ts.isEnumDeclaration(visited)) {
      this.#export(visited.name.text, f.createIdentifier(visited.name.text));
      const kept = withoutExport(visited, ts.SyntaxKind.ConstKeyword);
      return [f.updateEnumDeclaration(visited, kept, visited.name, visited.members)];
    }
    if (ts.isModuleDeclaration(node) && ts.isModuleDeclaration(visited)) {
      if (isInstantiated(node)) this.#export(node.name.text, f.createIdentifier(node.name.text));
      return [f.updateModuleDeclaration(visited, modifiers, visited.name, visited.body)];
    }
    return [visited];
  }

  #default(value: ts.Expression, range: ts.Node): ts.Statement {
    this.#export("default", f.createIdentifier("$default"));
    return constant("$default", value, range);
  }

  #exportDeclaration(rewriter: Rewriter, node: ts.ExportDeclaration): ts.Statement[] {
    const { exportClause: clause, moduleSpecifier: from } = node;
    if (node.isTypeOnly) return [];
    if (from === undefined) {
      for (const { name, propertyName, isTypeOnly } of (clause as ts.NamedExports).elements) {
        if (isTypeOnly) continue;
        const own = (propertyName ?? name).text;
        if (isOnlyType(node.parent as ts.SourceFile, own)) continue;
        this.#export(name.text, rewriter.reference(own) ?? f.createIdentifier(own));
      }
      return [];
    }
    const module = this.#module();
    const load = constant(module, importCall(from, node.attributes), node);
    if (clause === undefined) return [load, callStatement("$exportAll", f.createIdentifier(module))];
    if (ts.isNamespaceExport(clause)) this.#export(clause.name.text, f.createIdentifier(module));
    else {
      for (const { name, propertyName, isTypeOnly } of clause.elements) {
        if (!isTypeOnly) this.#export(name.text, property(f.createIdentifier(module), (propertyName ?? name).text));
      }
    }
    return [load];
  }
}

/** Whether a name of the file is an interface or a type. */
function isOnlyType(file: ts.SourceFile, name: string): boolean {
  const { locals } = file as unknown as { locals?: Map<string, ts.Symbol> };
  const flags = locals?.get(name)?.flags ?? ts.SymbolFlags.Value;
  return (flags & (ts.SymbolFlags.Value | ts.SymbolFlags.Alias)) === 0;
}

function property(object: ts.Expression, key: string): ts.Expression {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? f.createPropertyAccessExpression(object, key)
    : f.createElementAccessExpression(object, f.createStringLiteral(key));
}
