import type { ErrorCode, GoneReason } from "../../contracts/index.ts";
import type { LoginTexts, NatsTransport } from "../../nats/index.ts";
import type { DrainOrder, StartOrder, StartOutcome, TrialOrder, TrialOutcome } from "../host.ts";

/**
 * The messages between a node-runner and its isolate host process, over Node's IPC channel with structured clones.
 * The process' NATS login comes this way too: not in its arguments or environment, which others on the machine can see.
 */
export type ToHost =
  | {
      type: "init";
      node: string;
      nats: { url: string; login: LoginTexts };
      worldId: string;
      transport: NatsTransport;
      snapshot: Uint8Array;
      /** Isolates that are kept ready. */
      prepared: number;
      /** What no function may reach: rules of egress. */
      egressDeny: readonly string[];
      /** Whether debuggers may attach to the isolates. */
      isInspected: boolean;
    }
  /** The login as it is now. */
  | { type: "login"; login: LoginTexts }
  | ({ type: "start" } & StartOrder)
  | ({ type: "trial"; id: number } & TrialOrder)
  | ({ type: "drain"; instance: string } & DrainOrder)
  | { type: "source-map"; revision: string; sourceMap: Uint8Array | undefined }
  /** For V8's inspector of an instance. */
  | { type: "inspect"; instance: string; message: string }
  | { type: "stop"; graceMs: number };

export type FromHost =
  | { type: "up" }
  /** It connects to NATS: the next attempt is to have the login of then. */
  | { type: "need-login" }
  | { type: "ready" }
  | { type: "failed"; message: string }
  /** How much memory the process has, now and then. */
  | { type: "usage"; rssBytes: number; instances: number; largestMb: number }
  /**
   * The process takes nothing new, drains what runs, and ends: V8 has lost control of an isolate. `guilty`: the function,
   * where it is known.
   */
  | { type: "retiring"; guilty: string | undefined; reason: string }
  /** The last word of such a process. */
  | { type: "ended" }
  /** What handles a message of this subject threw; the process goes on. */
  /** NATS refuses its login, or something that it does. */
  | { type: "refused"; code: ErrorCode; message: string }
  | { type: "handler-failed"; subject: string; message: string }
  | { type: "started"; instance: string; outcome: StartOutcome }
  | { type: "tried"; id: number; outcome: TrialOutcome }
  | { type: "idle"; instance: string }
  /** The instance is nearly full: another is to take its place. */
  | { type: "full"; instance: string }
  /** The instance hit a limit: it takes nothing new, and is gone soon. */
  | { type: "condemned"; instance: string }
  | { type: "gone"; instance: string; reason: GoneReason; code?: string }
  /** What V8's inspector says. */
  | { type: "inspected"; instance: string; message: string }
  | { type: "need-source-map"; revision: string };
