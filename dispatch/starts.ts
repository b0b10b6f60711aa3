/** The instances that are starting, by service: asked for by this gateway, by others, or by their nodes. */
import type { FunctionSpec } from "../contracts/index.ts";
import type { StartResult } from "./departures.ts";
import type { Start } from "./instance.ts";
import type { Instances } from "./instances.ts";

/** How long a start is believed in without news. */
const MAX_START_MS = 60_000;

interface Entry extends Start {
  readonly over: AbortController;
  readonly result: Promise<StartResult | undefined>;
}

export class Starts {
  readonly #instances: Pick<Instances, "settled">;
  readonly #byService = new Map<string, Map<string, Entry>>();

  constructor(instances: Pick<Instances, "settled">) {
    this.#instances = instances;
  }

  /** Notes a start. Resolves with its end; undefined where none is known. */
  note(start: Start): Promise<StartResult | undefined> {
    const { service, id } = start;
    const starts = this.#byService.get(service) ?? new Map<string, Entry>();
    const known = starts.get(id);
    if (known !== undefined) return known.result;
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), MAX_START_MS);
    const result = this.#instances.settled(id, service, over.signal).finally(() => {
      clearTimeout(timer);
      starts.delete(id);
      if (starts.size === 0) this.#byService.delete(service);
    });
    this.#byService.set(service, starts.set(id, { ...start, over, result }));
    return result;
  }

  /** The instances of the live revision that are starting. */
  of({ name, revision }: Pick<FunctionSpec, "name" | "revision">): Start[] {
    return [...(this.#byService.get(name)?.values() ?? [])].filter((one) => one.revision === revision);
  }

  close(): void {
    for (const starts of this.#byService.values()) for (const { over } of starts.values()) over.abort();
  }
}
