import type { FunctionSpec, Spec } from "../contracts/index.ts";
import { type KvChange, type Nats, openSpecs } from "../nats/index.ts";
import type { Log } from "./log.ts";

/** The functions' specs, as they are in force: an invalid one leaves the last good one there. */
export interface Specs {
  get(name: string): FunctionSpec | undefined;
  all(): Iterable<FunctionSpec>;
  /** The last revision of the bucket that was taken in. */
  revision(): number;
  /** Begins to follow `app-configs`. Resolves when all that is there was read; `signal` ends it. */
  watch(signal: AbortSignal): Promise<void>;
}

export interface SpecsOptions {
  nats: Nats;
  log: Log;
  onChange(name: string): void;
}

export function createSpecs({ nats, log, onChange }: SpecsOptions): Specs {
  const specs = new Map<string, FunctionSpec>();
  let revision = 0;

  const apply = (change: KvChange<Spec>) => {
    if (change.kind === "put") revision = Math.max(revision, change.read.revision);
    if (change.kind === "put" && !change.read.ok) {
      const { key, error } = change.read;
      log.warn({ name: key, error: error.message }, "a spec is not valid; the last good one stays in force");
      return;
    }
    const name = change.kind === "put" ? change.read.key : change.key;
    // A service of the original toolkit may have taken over the name: routes to those are static ones.
    if (change.kind === "put" && change.read.ok && change.read.value.kind === "function") {
      specs.set(name, change.read.value.spec);
    } else specs.delete(name);
    onChange(name);
  };

  return {
    get: (name) => specs.get(name),
    all: () => specs.values(),
    revision: () => revision,
    async watch(signal) {
      await (await openSpecs(nats)).watch(apply, signal);
    },
  };
}
