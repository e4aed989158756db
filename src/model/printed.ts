/** What is called like a function and shown as a text. */
import { inspect } from "node:util";
import { Callable } from "../callable";
import { jupyterDisplay, type MimeBundle, mime } from "../host";

/** A printed form, in a cell and elsewhere. */
export abstract class Printed extends Callable {
  abstract override toString(): string;
  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
  /** @internal */
  [jupyterDisplay](): MimeBundle {
    return { [mime.text]: this.toString() };
  }
}
