import type { FunctionConfig, GoneReason } from "../../contracts/index.ts";

/** Everything that is needed to start one instance. */
export interface StartOrder {
  instance: string;
  revision: string;
  config: FunctionConfig;
  /** The values of its secrets, by their names in `env`. */
  secrets: Record<string, string>;
  bundle: Uint8Array;
}

/** How a start ended. `phases` are milliseconds by phase. */
export type StartOutcome =
  | { ok: true; phases: Record<string, number> }
  | { ok: false; code: string; message: string; stack?: string };

export interface DrainOrder {
  reason: GoneReason;
  graceMs: number;
  /** WebSockets are closed at once, so that their clients connect to another instance. */
  closesSockets: boolean;
}

export interface TrialOrder {
  config: FunctionConfig;
  secrets: Record<string, string>;
  bundle: Uint8Array;
  sourceMap: Uint8Array;
}

export type TrialOutcome = { ok: true } | { ok: false; code: string; message: string; stack?: string };

/** What a host tells of its instances, unasked. */
export interface HostEvents {
  /** Nobody called the instance for its `idleSeconds`. */
  onIdle(instance: string): void;
  /** The instance is nearly full: another is to take its place. */
  onFull(instance: string): void;
  /** The instance hit a limit: it takes nothing new, and `onGone` follows. */
  onCondemned(instance: string): void;
  /** The instance ended; also after `drain`. The host has announced it, except where the host itself is what died. */
  onGone(instance: string, reason: GoneReason, code?: string): void;
  /** A function has made the sandbox unusable: the host goes on without it, and without what it had. */
  onGuilty(name: string, reason: string): void;
  /** The sandbox died without a word while it ran, started or tried these functions; its instances are told as gone after this. */
  onDied(functions: readonly string[]): void;
  /** What V8's inspector of an instance says, where debuggers may attach. */
  onInspected(instance: string, message: string): void;
  /** The source map of a revision's bundle, when an error is to be shown. */
  sourceMapOf(revision: string): Promise<Uint8Array | undefined>;
}

/**
 * What runs instances of one mode and one trust group: the port between the node-runner, which knows what should run,
 * and whatever sandbox does it.
 */
export interface Host {
  /** Process id of the sandbox that takes new instances; undefined while it restarts. */
  readonly pid: number | undefined;
  /** Process id of the sandbox that an instance is in, for status events. */
  pidOf(instance: string): number | undefined;
  /** Resolves when the instance is ready, or could not become so. */
  start(order: StartOrder): Promise<StartOutcome>;
  /** Evaluates a bundle once, in a throwaway sandbox. */
  trial(order: TrialOrder): Promise<TrialOutcome>;
  /** Takes nothing new, finishes what was taken within the grace, ends; `onGone` tells when. */
  drain(instance: string, order: DrainOrder): void;
  /** Sends a message of a debugger to V8's inspector of an instance. */
  inspect(instance: string, message: string): void;
  /** Ends the sandbox; instances that still run are drained first. */
  close(options: { graceMs: number }): Promise<void>;
}
