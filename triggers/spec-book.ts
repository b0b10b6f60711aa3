import type { FunctionSpec } from "../contracts/index.ts";
import type { Specs } from "../dispatch/index.ts";

/** The specs that the node-runner follows, for the other parts of its process: the same objects, so that a node has each once. */
export class SpecBook implements Specs {
  readonly #specs = new Map<string, FunctionSpec>();
  readonly #listeners: ((name: string) => void)[] = [];

  get(name: string): FunctionSpec | undefined {
    return this.#specs.get(name);
  }

  startable(name: string): FunctionSpec | undefined {
    return this.#specs.get(name);
  }

  all(): Iterable<FunctionSpec> {
    return this.#specs.values();
  }

  revision(): number {
    return 0;
  }

  /** The node-runner watches. */
  async watch(): Promise<void> {
    // Nothing is to be read.
  }

  set(name: string, spec: FunctionSpec | undefined): void {
    if (spec === undefined) this.#specs.delete(name);
    else this.#specs.set(name, spec);
    for (const listener of this.#listeners) listener(name);
  }

  /** Calls back after each change. */
  follow(onChange: (name: string) => void): this {
    this.#listeners.push(onChange);
    return this;
  }
}
