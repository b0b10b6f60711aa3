/**
 * The order of starts: a service starts when the services run that it requires.
 *
 * I1  A service is wanted while requests are held for it, or while a service that is wanted waits for it. In a cycle no other service
 *     wants them, so that the search ends with the holds.
 */
import type { FunctionSpec } from "../contracts/index.ts";
import type { Instances } from "./instances.ts";

export interface RequirementsOptions {
  instances: Pick<Instances, "ready">;
  specOf(service: string): FunctionSpec | undefined;
  isStarving(service: string): boolean;
  /** The services that are searched for. */
  searched(): Iterable<string>;
}

export class Requirements {
  readonly #options: RequirementsOptions;
  /** Services that consumers serve which narun did not start. */
  readonly #foreign = new Set<string>();

  constructor(options: RequirementsOptions) {
    this.#options = options;
  }

  noteForeign(service: string): void {
    this.#foreign.add(service);
  }

  /** The required services that do not run. */
  missingOf(service: string): string[] {
    const { specOf, instances } = this.#options;
    const requires = specOf(service)?.interface?.requires ?? NONE;
    if (requires.length === 0) return [];
    const runs = (name: string) =>
      instances.ready(name).length > 0 || (specOf(name) === undefined && this.#foreign.has(name));
    return requires.filter((name) => !runs(name));
  }

  isWanted(service: string, seen: Set<string> = new Set()): boolean {
    const { isStarving, instances, searched } = this.#options;
    if (isStarving(service)) return true;
    if (seen.has(service) || instances.ready(service).length > 0) return false;
    seen.add(service);
    for (const other of searched())
      if (other !== service && this.missingOf(other).includes(service) && this.isWanted(other, seen))
        return true;
    return false;
  }
}

const NONE: readonly string[] = [];
