/**
 * The versions of all that a function uses beside its revision: secrets and mounted files. A change of one makes another
 * generation, so that its instances are replaced as after a push.
 *
 * I1  A store is watched from the first function that uses it: most nodes run functions without secrets or files.
 * I2  A secret's version is the time when its value was set. Another master key for the same value changes nothing.
 * I3  A secret or file that is deleted keeps its last version: the running instances stay.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { type FunctionSpec, messageOf, secretsOf, stores } from "../../contracts/index.ts";
import { type Nats, openSecrets, watchObjects } from "../../nats/index.ts";

export interface Dependencies {
  /** The versions of a function's secrets and files, as one text. Empty for a function that uses nothing. */
  versionsOf(spec: FunctionSpec): string;
  /** Watches until the signal aborts. Call it before `versionsOf`. */
  start(signal: AbortSignal): void;
  /** Whether the versions of all that was asked for are known, or could not be read. */
  readonly isReady: boolean;
  /** Resolves when it is. */
  ready(): Promise<void>;
}

export interface DependenciesOptions {
  nats: Nats;
  log: Logger;
  /** A version changed. */
  onChange(): void;
}

type Kind = "secret" | "file";
type Watch = (
  note: (name: string, version: string | undefined) => void,
  signal: AbortSignal,
) => Promise<void>;

/** How long after a failure a store is opened again. */
const RETRY_MS = 5_000;

export function createDependencies({ nats, log, onChange }: DependenciesOptions): Dependencies {
  const watches: Record<Kind, Watch> = {
    secret: async (note, signal) => {
      const secrets = await openSecrets(nats);
      await secrets.watch((change) => {
        if (change.kind === "put") note(change.read.key, versionOfSecret(change.read));
      }, signal);
    },
    file: (note, signal) =>
      watchObjects(nats, stores.files.objects, ({ name, digest }) => note(name, digest), signal),
  };
  const versions = { secret: new Map<string, string>(), file: new Map<string, string>() };
  const opened = new Map<Kind, Promise<void>>();
  let opening = 0;
  let until = AbortSignal.abort();

  const open = async (kind: Kind): Promise<void> => {
    let isPresent = false;
    opening += 1;
    const note = (name: string, version: string | undefined) => {
      if (version === undefined || versions[kind].get(name) === version) return;
      versions[kind].set(name, version);
      if (isPresent) onChange();
    };
    try {
      await watches[kind](note, until);
    } catch (error) {
      log.warn({ store: kind, error: messageOf(error) }, "changes of secrets or files are not seen yet");
      void sleep(RETRY_MS, undefined, { signal: until, ref: false }).then(
        () => opened.set(kind, open(kind)),
        () => undefined,
      );
    }
    isPresent = true;
    opening -= 1;
    onChange();
  };

  return {
    versionsOf(spec) {
      const used = usesOf(spec);
      for (const { kind } of used) if (!until.aborted && !opened.has(kind)) opened.set(kind, open(kind));
      return used
        .map(({ kind, name }) => `${kind} ${name} ${versions[kind].get(name) ?? ""}`)
        .sort()
        .join("\n");
    },
    start: (signal) => {
      until = signal;
    },
    get isReady() {
      return opening === 0;
    },
    ready: async () => void (await Promise.all(opened.values())),
  };
}

function versionOfSecret(
  read: { ok: true; value: { updated_at: string } } | { ok: false; revision: number },
): string {
  return read.ok ? read.value.updated_at : `unreadable ${read.revision}`;
}

function usesOf(spec: FunctionSpec): { kind: Kind; name: string }[] {
  return [
    ...secretsOf(spec).map(({ secret }) => ({ kind: "secret" as const, name: secret })),
    ...(spec.mounts ?? []).map(({ source }) => ({ kind: "file" as const, name: source.objectStore })),
  ];
}
