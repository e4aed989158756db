/** The boxes of a session's variables. */
import assert from "node:assert/strict";
import * as os from "node:os";
import { Namespace } from "../../../../kernel/engine/run/namespace";
import { Scope } from "../../../../kernel/engine/run/scope";

describe("A session's variables", () => {
  it("have one box each, for ever", () => {
    const scope = new Scope();
    const box = scope.box("a");
    box.v = 1;
    assert.equal(scope.box("a"), box);
    assert.equal(scope.own("a"), box);
    assert.equal(scope.value("a"), 1);
    assert.deepEqual(scope.names(), ["a"]);
    assert.equal(scope.has("b"), false);
  });

  it("show an export as it is now, until somebody assigns to them or declares them anew", () => {
    let count = 1;
    const namespace = new Namespace();
    namespace.add("count", () => count);
    const scope = new Scope();
    const box = scope.box("n");
    scope.link("n", namespace.show(), "count");
    assert.equal(box.v, 1);
    count = 2;
    assert.equal(box.v, 2);
    box.v = 7;
    count = 3;
    assert.equal(box.v, 7);
    scope.link("n", namespace.show(), "count");
    assert.equal(box.v, 3);
    assert.equal(scope.own("n"), box);
    count = 4;
    assert.equal(box.v, undefined);
    scope.link("n", namespace.show(), "*");
    assert.equal(box.v, namespace.show());
  });

  it("may be linked to an export that has no value yet", () => {
    const namespace = new Namespace();
    namespace.add("late", () => late);
    const scope = new Scope();
    scope.link("late", namespace.show(), "late");
    assert.throws(() => scope.box("late").v, ReferenceError);
    assert.equal(scope.value("late"), undefined);
    const late = 5;
    assert.equal(scope.value("late"), 5);
  });
});

describe("The namespace of a local module", () => {
  it("is as ECMAScript has it: no prototype, a tag, names in order whenever they came, nothing to assign", () => {
    const namespace = new Namespace();
    namespace.add("m", () => 1);
    const early = namespace.show();
    namespace.add("b", () => 2);
    namespace.add("z", () => 3);
    const object = namespace.seal();
    assert.equal(object, early);
    assert.deepEqual(Object.keys(object), ["b", "m", "z"]);
    assert.equal(Object.getPrototypeOf(object), null);
    assert.equal(Object.prototype.toString.call(object), "[object Module]");
    assert.equal(Reflect.set(object, "b", 3), false);
    assert.equal(Reflect.set(object, "new", 3), false);
  });

  it("takes what another module exports, its default and what it has itself excepted", () => {
    const inner = new Namespace();
    inner.add("default", () => 0);
    inner.add("a", () => 1);
    inner.add("b", () => 2);
    const outer = new Namespace();
    outer.add("a", () => 10);
    outer.addAll(inner.seal());
    outer.addAll(os);
    const object = outer.seal();
    assert.equal(object.a, 10);
    assert.equal(object.b, 2);
    assert.equal(object.cpus, os.cpus);
    assert.equal("default" in object, false);
  });
});
