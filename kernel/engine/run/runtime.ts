/** What runs compiled code, put together: the session's variables and imports, its texts, its stacks, its results. */
import type { Compiler } from "../compiled";
import { Executor } from "./executor";
import { Places } from "./places";
import { Results } from "./results";
import { Stacks } from "./stacks";
import type { TslabDisplay } from "./tslab";

export class Runtime {
  readonly places: Places;
  readonly executor: Executor;
  readonly stacks: Stacks;
  readonly results = new Results();

  /**
   * @param folder the notebook's
   * @param show takes what tslab's display functions show
   */
  constructor(
    compiler: Pick<Compiler, "module" | "resolve">,
    folder: string,
    show: (content: TslabDisplay, update: boolean) => void,
  ) {
    this.places = new Places(folder);
    this.executor = new Executor({ compiler, places: this.places, show });
    this.stacks = new Stacks(this.places, (name) => this.executor.scope.has(name));
  }

  /** Makes the process the session's: `_`, `In`, `Out`, and stacks in the reader's words. */
  install(): void {
    this.stacks.install();
    this.results.install();
  }
}
