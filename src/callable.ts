/** Lets an instance of a class be called like a function, as Python's `__call__` does. */

/** A class whose instances are functions: calling one calls its `_call`. */
export abstract class Callable {
  /** @internal */
  constructor() {
    const self = (...args: unknown[]): unknown => (self as unknown as Callable)._call(...args);
    // biome-ignore lint/correctness/noConstructorReturn: fields of the subclasses are put on the returned function.
    return Object.setPrototypeOf(self, new.target.prototype) as Callable;
  }

  /** What a call of the instance does. */
  protected abstract _call(...args: unknown[]): unknown;
}
