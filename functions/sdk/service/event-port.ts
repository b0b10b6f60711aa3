/** The host's side of events, as code sees it: a property of `env` that is not enumerable. */

export interface PublishOptions {
  /** The last value of the subject is kept, for readers that come later. */
  retain?: boolean;
  /** How long it is kept, in seconds. */
  ttl?: number;
  /** Events of one key are handled in order. Default: events of one subject are. */
  key?: string;
  /** A second event of this id within ten minutes is not published. */
  id?: string;
  /** The label for which the value is sealed (docs/encryption.md). Default: that of a binding for the subject; else it is in clear. */
  encrypt?: string;
}

export interface EventPort {
  /** Resolves when the event is stored. `json`: its value; undefined: it has none. */
  publish(subject: string, json: string | undefined, options: PublishOptions): Promise<void>;
  /** The value of the next event, as JSON. */
  once(subject: string, timeoutMs: number): Promise<{ subject: string; json: string }>;
}

/** The name of the property. */
const PROPERTY = "narun:events";

export function eventPortOf(env: unknown): EventPort {
  const port = (env as Record<string, EventPort | undefined> | undefined)?.[PROPERTY];
  if (port !== undefined) return port;
  throw new TypeError("events can be published by deployed functions");
}
