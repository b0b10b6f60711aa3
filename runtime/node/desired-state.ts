import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { type FunctionSpec, messageOf, type Spec } from "../../contracts/index.ts";
import type { KvChange, TypedKv } from "../../nats/index.ts";

export interface DesiredFunction {
  spec: FunctionSpec;
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
  /** `generation` is undefined where the function is gone. */
  onChange(name: string, generation: string | undefined): void;
}

export function createDesiredState({ specs, log, onChange }: DesiredStateOptions): DesiredState {
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
    // Services of the original toolkit belong to other runners.
    if (read.value.kind !== "function") functions.delete(read.key);
    else {
      const { spec } = read.value;
      const present = functions.get(read.key);
      if (!isDeepStrictEqual(present?.spec, spec)) {
        generations += 1;
        functions.set(read.key, { spec, generation: String(generations) });
      }
    }
    onChange(read.key, functions.get(read.key)?.generation);
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
