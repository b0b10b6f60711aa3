import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { messageOf, type Spec } from "../../contracts/index.ts";
import type { KvChange, TypedKv } from "../../nats/index.ts";
import { programOfService, type RunnableSpec } from "./service-programs.ts";

export interface DesiredFunction {
  spec: RunnableSpec;
  /** Another one whenever anything in the spec has changed. It has a meaning in this process alone. */
  generation: string;
}

/** The functions that should run, from `app-configs`. An invalid spec changes nothing: the last valid one stays in force. */
export interface DesiredState {
  get(name: string): DesiredFunction | undefined;
  names(): string[];
  /** Resolves when every spec is known; changes follow until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>;
  /** Reads one entry at once: a gateway has seen a change that the watch has not brought yet. */
  refresh(name: string): Promise<DesiredFunction | undefined>;
}

export interface DesiredStateOptions {
  specs: TypedKv<Spec>;
  log: Logger;
  /** The node whose services of the original toolkit run here, too. Default: none do. */
  node?: string;
  /** `generation` is undefined where the function is gone. */
  onChange(name: string, generation: string | undefined): void;
}

export function createDesiredState({ specs, log, node, onChange }: DesiredStateOptions): DesiredState {
  const functions = new Map<string, DesiredFunction>();
  let generations = 0;

  const apply = (change: KvChange<Spec>): void => {
    if (change.kind === "delete") {
      functions.delete(change.key);
      onChange(change.key, undefined);
      return;
    }
    const { read } = change;
    if (!read.ok) {
      const error = messageOf(read.error);
      log.error({ function: read.key, error }, "invalid spec; the last valid one stays in force");
      return;
    }
    const spec = runnableOf(read.value);
    if (spec === undefined) functions.delete(read.key);
    else if (!isDeepStrictEqual(functions.get(read.key)?.spec, spec)) {
      generations += 1;
      functions.set(read.key, { spec, generation: String(generations) });
    }
    onChange(read.key, functions.get(read.key)?.generation);
  };

  /** Most services of the original toolkit belong to other runners. */
  const runnableOf = (value: Spec): RunnableSpec | undefined => {
    if (value.kind === "function") return value.spec;
    return node === undefined ? undefined : programOfService(value.spec, node);
  };

  return {
    get: (name) => functions.get(name),
    names: () => [...functions.keys()],
    follow: async (signal) => void (await specs.watch(apply, signal)),
    async refresh(name) {
      const read = await specs.get(name);
      apply(read === undefined ? { kind: "delete", key: name } : { kind: "put", read });
      return functions.get(name);
    },
  };
}
