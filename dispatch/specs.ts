import { hash } from "node:crypto";
import { type FunctionSpec, functionOfService, type Spec } from "../contracts/index.ts";
import { type KvChange, type Nats, openSpecs } from "../nats/index.ts";
import type { Log } from "./log.ts";
import type { SpecFeed } from "./spec-feed.ts";

/**
 * The specs of functions, as they are in force: an invalid one leaves the last good one there. Services of the original toolkit
 * that nodes of narun can run are among them, in the form of functions.
 */
export interface Specs {
  /** The spec that narun places: a function, or a service that has `scale`. Consumers of other programs may answer for other services. */
  get(name: string): FunctionSpec | undefined;
  /** The spec that a node of narun may start when it is asked. */
  startable(name: string): FunctionSpec | undefined;
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
  /** Hears of each change as it is in the bucket. Default: nothing does. */
  feed?: SpecFeed | undefined;
}

export function createSpecs({ nats, log, onChange, feed }: SpecsOptions): Specs {
  const specs = new Map<string, FunctionSpec>();
  /** Services whose specs name their nodes. Runners of the original toolkit may be among them. */
  const fixed = new WeakSet<FunctionSpec>();
  let revision = 0;

  const apply = (change: KvChange<Spec>) => {
    feed?.note(change);
    if (change.kind === "put") revision = Math.max(revision, change.read.revision);
    if (change.kind === "put" && !change.read.ok) {
      const { key, error } = change.read;
      log.warn({ name: key, error: error.message }, "a spec is not valid; the last good one stays in force");
      return;
    }
    const name = change.kind === "put" ? change.read.key : change.key;
    const spec = change.kind === "put" && change.read.ok ? runnableOf(change.read.value) : undefined;
    if (spec === undefined) specs.delete(name);
    else specs.set(name, spec);
    onChange(name);
  };

  const runnableOf = (value: Spec): FunctionSpec | undefined => {
    if (value.kind === "function") return value.spec;
    const spec = functionOfService(value.spec, (text) => hash("sha256", text));
    if (spec?.nodes !== undefined) fixed.add(spec);
    return spec;
  };

  return {
    get(name) {
      const spec = specs.get(name);
      return spec !== undefined && !fixed.has(spec) ? spec : undefined;
    },
    startable: (name) => specs.get(name),
    all: () => specs.values(),
    revision: () => revision,
    async watch(signal) {
      await (await openSpecs(nats)).watch(apply, signal);
    },
  };
}
