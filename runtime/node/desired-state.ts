import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { messageOf, type Spec } from "../../contracts/index.ts";
import type { KvChange, TypedKv } from "../../nats/index.ts";
import type { Dependencies } from "./dependencies.ts";
import { programOfService, type RunnableSpec } from "./service-programs.ts";

export interface DesiredFunction {
  spec: RunnableSpec;
  /** The versions of the secrets and files that it uses. */
  versions: string;
  /**
   * Another one whenever anything in the spec has changed, or a secret or file that it uses. It has a meaning in this process
   * alone.
   */
  generation: string;
}

/** The functions that should run, from `app-configs`. An invalid spec changes nothing: the last valid one stays in force. */
export interface DesiredState {
  get(name: string): DesiredFunction | undefined;
  names(): string[];
  /** The specs that a test holds for. */
  functions(test: (spec: RunnableSpec) => boolean): RunnableSpec[];
  /** Resolves when every spec is known; changes follow until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>;
  /** Secrets or files changed. */
  reconsider(): void;
  /** Reads one entry at once: a gateway has seen a change that the watch has not brought yet. */
  refresh(name: string): Promise<DesiredFunction | undefined>;
}

export interface DesiredStateOptions {
  specs: TypedKv<Spec>;
  dependencies: Dependencies;
  log: Logger;
  /** The node whose services of the original toolkit run here, too. Default: none do. */
  node?: string;
  /** `generation` is undefined where the function is gone. */
  onChange(name: string, generation: string | undefined): void;
}

export function createDesiredState(options: DesiredStateOptions): DesiredState {
  const { specs, dependencies, log, node, onChange } = options;
  const functions = new Map<string, DesiredFunction>();
  let generations = 0;

  /** A function whose secrets are not known yet would be started, and replaced at once. */
  const tell = (name: string): void => {
    const now = () => onChange(name, functions.get(name)?.generation);
    if (dependencies.isReady) now();
    else void dependencies.ready().then(now);
  };

  /** Whether the function is another one than before. */
  const note = (name: string, spec: RunnableSpec): boolean => {
    const versions = dependencies.versionsOf(spec);
    const before = functions.get(name);
    if (before?.versions === versions && isDeepStrictEqual(before.spec, spec)) return false;
    generations += 1;
    functions.set(name, { spec, versions, generation: String(generations) });
    return true;
  };

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
    else note(read.key, spec);
    tell(read.key);
  };

  /** Most services of the original toolkit belong to other runners. */
  const runnableOf = (value: Spec): RunnableSpec | undefined => {
    if (value.kind === "function") return value.spec;
    return node === undefined ? undefined : programOfService(value.spec, node);
  };

  return {
    get: (name) => functions.get(name),
    names: () => [...functions.keys()],
    functions: (test) => [...functions.values()].map(({ spec }) => spec).filter(test),
    async follow(signal) {
      dependencies.start(signal);
      await specs.watch(apply, signal);
      await dependencies.ready();
    },
    reconsider() {
      for (const [name, { spec }] of functions) {
        if (note(name, spec)) onChange(name, functions.get(name)?.generation);
      }
    },
    async refresh(name) {
      const read = await specs.get(name);
      apply(read === undefined ? { kind: "delete", key: name } : { kind: "put", read });
      return functions.get(name);
    },
  };
}
