import type { Logger } from "pino";
import type { FunctionConfig, GoneReason, RightsFacts, ServiceDescription } from "../contracts/index.ts";
import type { NodeKeys } from "../keys/index.ts";
import type { Backoff } from "../machine/index.ts";
import type { LoginTexts, NatsTransport } from "../nats/index.ts";
import type { SpanSink } from "../traces/index.ts";
import type { Callees } from "./calls/callee.ts";

/** Everything that a host needs to start one instance. */
export interface StartOrder {
  instance: string;
  /** Which of its function's instances on this node it is. Default 0. */
  index?: number;
  /** It is a service of the original toolkit: it may use all of NATS, and need not register at all. */
  isService?: boolean;
  revision: string;
  config: FunctionConfig;
  /** Its code is a service, and tells this about itself. */
  interface?: ServiceDescription;
  /** The values of its secrets, by their names in `env`. */
  secrets: Record<string, string>;
  /** The code. Empty for a program. */
  bundle: Uint8Array;
  /** The file of a program. */
  program?: KeptFile;
  /** The files of a program's `mounts`. */
  files?: readonly MountedFile[];
}

/** A file that a node keeps on its disk. */
export interface KeptFile {
  readonly size: number;
  /** Its first bytes, at most as many. */
  head(bytes: number): Promise<Uint8Array>;
  copyTo(path: string): Promise<void>;
}

/** A file in the folder of a program. */
export interface MountedFile {
  /** Relative to the folder. */
  path: string;
  file: KeptFile;
}

/** How a start ended. `phases` are milliseconds by phase. */
export type StartOutcome =
  | { ok: true; phases: Record<string, number> }
  | { ok: false; code: string; message: string; stack?: string; facts?: EndFacts };

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
  program?: KeptFile;
  files?: readonly MountedFile[];
}

/** `description`: of a service, as JSON: user input. */
export type TrialOutcome =
  | { ok: true; description?: string }
  | { ok: false; code: string; message: string; stack?: string };

/** A host's reports about its instances. */
export interface InstanceEvents {
  /** The instance had no request for its `idleSeconds`. */
  onIdle(instance: string): void;
  /** The instance is nearly full: another one is to take its place. */
  onFull(instance: string): void;
  /** The instance hit a limit: it takes nothing new, and `onGone` follows. */
  onCondemned(instance: string): void;
  /** The instance's sandbox is being replaced: it takes nothing new, finishes its requests, and `onGone` follows. */
  onLeaving(instance: string): void;
  /** The instance ended; also after `drain`. The host has announced the end, except where the host itself died. */
  onGone(instance: string, reason: GoneReason, code?: string, facts?: EndFacts): void;
}

/** The end of an instance that was a process of its own, for status events. */
export interface EndFacts {
  /** -1: by a signal. */
  exitCode?: number;
  /** One line for people. */
  why?: string;
}

/** The way of a request to its instance: by a gateway, or a trigger; as a call of a function or a client, straight; by the service's own subject. */
export type RequestWay = "gateway" | "call" | "subject";

/** Bounds of the durations of requests, in seconds: the default buckets of Prometheus. */
export const requestBuckets: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The requests of one service in one process that came one way. All but `inFlight` is since the last report. */
export interface RequestReport {
  service: string;
  way: RequestWay;
  inFlight: number;
  count: number;
  sumSeconds: number;
  /** By `requestBuckets`, each without those before it. */
  buckets: readonly number[];
  /** By the status of the answer, or the code of the failure. */
  statuses: readonly (readonly [status: number | string, count: number])[];
}

/** Takes the reports of one process. */
export interface RequestSink {
  add(reports: readonly RequestReport[]): void;
  /** The process has ended. */
  close(): void;
}

/** All reports of a host. */
export interface HostEvents extends InstanceEvents {
  /** A function has made its sandbox unusable. The host goes on in another sandbox; the sandbox' memory is lost. */
  onGuilty(name: string, reason: string): void;
  /**
   * The sandbox died without a report while it ran, started or tried these functions. `onGone` follows for each of its
   * instances. True: all of them belong to other groups from now on.
   */
  onDied(functions: readonly string[]): boolean;
}

/** Runs the instances of one mode and one group: the port between a node-runner and a sandbox. */
export interface Host {
  /** Process id of the sandbox that an instance is in, for status events. */
  pidOf(instance: string): number | undefined;
  /** Whether an instance that has started takes requests. Default: it does. */
  takesRequests?(instance: string): boolean;
  /** Resolves when the instance is ready, or could not become so. */
  start(order: StartOrder): Promise<StartOutcome>;
  /** Evaluates a bundle once, in a throwaway sandbox. */
  trial(order: TrialOrder): Promise<TrialOutcome>;
  /** Takes nothing new, finishes its requests within the grace, ends. `onGone` reports the end. */
  drain(instance: string, order: DrainOrder): void;
  /** Ends the sandbox; instances that still run are drained first. */
  close(options: { graceMs: number }): Promise<void>;
}

/** How a host process logs in to NATS. */
export interface HostLogin {
  url: string;
  /** Asked for the login whenever a process may connect. */
  login?: () => LoginTexts;
  /** Copies of the buckets and stores that functions use first. Default: as many as the cluster allows. */
  copies?: number | undefined;
  /** Makes logins that are narrower. */
  rights?: HostRights | undefined;
}

/** The maker of a host process' logins. */
export interface HostRights {
  /** The first part of the ids of its instances, and of its inboxes. */
  readonly name: string;
  /** How long a login lasts. */
  readonly lifeMs: number;
  /** The functions that may come into the process: one login for all of them spares renewals. */
  deployed(): RightsFacts[];
  /** The key that signs logins now. */
  signer(): string;
  mint(tags: readonly string[]): LoginTexts;
  /** Makes what the process may use and may not make. */
  prepare(config: FunctionConfig): Promise<void>;
}

/** A host's view of its node-runner. */
export interface HostParts {
  node: string;
  worldId: string;
  transport: NatsTransport;
  /** A trust group, a part of one, or a function in quarantine. */
  group: string;
  /** How the host connects. `login` is asked whenever it does. */
  nats: HostLogin;
  /** Rules of egress that win over every function's own. */
  egressDeny: readonly string[];
  /** The pauses between sandboxes that die. They outlive the host: a function in quarantine keeps its pauses while it has none. */
  backoff: Backoff;
  events: HostEvents;
  /** The source map of a revision's bundle, for the stacks of errors. */
  sourceMapOf(revision: string): Promise<Uint8Array | undefined>;
  /** The keys of labels, for the functions that seal. Undefined: there are none. */
  keys?: LabelKeys | undefined;
  /** The services that functions call. Undefined: their calls go by gateways. */
  callees?: Callees | undefined;
  /** Takes the spans of requests. Undefined: none are made. */
  spans?: SpanSink | undefined;
  /** Counts the requests of a process of instances. Undefined: they are not counted. */
  requests?: (() => RequestSink) | undefined;
  log: Logger;
}

/** Hands out the keys of labels, where a function has them. */
export type LabelKeys = Pick<NodeKeys, "current" | "byId">;

/** Starts the host of one group. A node-runner has one such function for each mode that it offers. */
export type StartHost = (parts: HostParts) => Host;
