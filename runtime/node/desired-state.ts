import type { Logger } from "pino";
import { canonicalJson, type FunctionSpec, messageOf, type Spec } from "../../contracts/index.ts";
import { sha256Hex } from "../../machine/index.ts";
import type { KvChange, TypedKv } from "../../nats/index.ts";

export interface DesiredFunction {
  spec: FunctionSpec;
  /** Changes whenever anything in the spec does. */
  generation: string;
}

/** What should run, from `app-configs`. An invalid spec changes nothing: the last good one stays in force. */
export interface DesiredState {
  get(name: string): DesiredFunction | undefined;
  names(): string[];
  /** Reads one entry at once: somebody else has seen a change that the watch has not brought yet. */
  refresh(name: string): Promise<DesiredFunction | undefined>;
}

export interface DesiredStateOptions {
  specs: TypedKv<Spec>;
  log: Logger;
  signal: AbortSignal;
  /** `generation` is undefined where the function is gone. */
  onChange(name: string, generation: string | undefined): void;
}

export async function followDesiredState({
  specs,
  log,
  signal,
  onChange,
}: DesiredStateOptions): Promise<DesiredState> {
  const functions = new Map<string, DesiredFunction>();

  const apply = (change: KvChange<Spec>): void => {
    if (change.kind === "delete") {
      functions.delete(change.key);
      onChange(change.key, undefined);
      return;
    }
    const { read } = change;
    if (!read.ok) {
      log.error(
        { function: read.key, error: messageOf(read.error) },
        "invalid spec; the last good one stays in force",
      );
      return;
    }
    // Services of the original toolkit are not this runner's.
    if (read.value.kind !== "function") functions.delete(read.key);
    else functions.set(read.key, { spec: read.value.spec, generation: generationOf(read.value.spec) });
    onChange(read.key, functions.get(read.key)?.generation);
  };

  await specs.watch(apply, signal);
  return {
    get: (name) => functions.get(name),
    names: () => [...functions.keys()],
    async refresh(name) {
      const read = await specs.get(name);
      apply(read === undefined ? { kind: "delete", key: name } : { kind: "put", read });
      return functions.get(name);
    },
  };
}

function generationOf(spec: FunctionSpec): string {
  return sha256Hex(canonicalJson(spec)).slice(0, 16);
}
