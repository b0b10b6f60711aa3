import type { ErrorCode, GoneReason } from "../../contracts/index.ts";
import type { LabelKey } from "../../keys/index.ts";
import type { LoginTexts, NatsTransport } from "../../nats/index.ts";
import type { Span } from "../../traces/index.ts";
import type { Callee, NodeNews } from "../calls/callee.ts";
import type {
  DrainOrder,
  RequestReport,
  StartOrder,
  StartOutcome,
  TrialOrder,
  TrialOutcome,
} from "../host.ts";

/**
 * The messages between a node-runner and its isolate host process, over Node's IPC channel with structured clones.
 * The process' NATS login comes this way too: other users of the machine can see arguments and environment.
 */
export type ToHost =
  | {
      type: "init";
      node: string;
      nats: { url: string; login: LoginTexts; copies: number | undefined };
      worldId: string;
      /** Where the host listens for gateways of its machine. Undefined: nowhere. */
      socket: { machine: string; path: string } | undefined;
      transport: NatsTransport;
      snapshot: Uint8Array;
      /** The number of isolates that are kept ready. */
      prepared: number;
      /** The node's deny list: rules of egress. */
      egressDeny: readonly string[];
      /** Whether debuggers may attach to the isolates. */
      isInspected: boolean;
      /** Whether the node exports spans. */
      isTraced: boolean;
      /** The process makes the code of its program for others, after this trial of narun's own. Undefined: it does not. */
      compile: TrialOrder | undefined;
    }
  /** The present login. `renewal`: the process logs in with it now, and answers. */
  | { type: "login"; login: LoginTexts; renewal?: number }
  /** The services that its functions may call, and that narun runs: all of them, before a start of such a function and later. */
  | { type: "callees"; callees: readonly Callee[] }
  /** News of a node, while the functions here may call services. */
  | { type: "node"; node: string; news: NodeNews }
  | ({ type: "start" } & StartOrder)
  | ({ type: "trial"; id: number } & TrialOrder)
  | ({ type: "drain"; instance: string } & DrainOrder)
  | { type: "source-map"; revision: string; sourceMap: Uint8Array | undefined }
  /** The answer to `need-key`. */
  | { type: "key"; id: number; answer: KeyAnswer }
  /** For V8's inspector of an instance. */
  | { type: "inspect"; instance: string; message: string }
  | { type: "stop"; graceMs: number };

export type KeyAnswer =
  | { ok: true; key: LabelKey }
  | { ok: false; code: ErrorCode; detail: string | undefined };

export type FromHost =
  /** `lacksCode`: its program had to be compiled. */
  | { type: "up"; lacksCode?: boolean }
  /** The compiled code of the program. It comes before `ready`. */
  | { type: "compiled"; code: Uint8Array }
  /** The process connects to NATS, and needs the present login for it. */
  | { type: "need-login" }
  | { type: "ready" }
  | { type: "renewed"; renewal: number }
  | { type: "failed"; message: string }
  | { type: "warned"; fields: object; message: string }
  /** The memory of the process, at intervals. */
  | { type: "usage"; rssBytes: number; instances: number; largestMb: number }
  /**
   * V8 has lost control of an isolate: the process takes nothing new, drains its instances, and ends. `guilty`: the isolate's
   * function, where it is known.
   */
  | { type: "retiring"; guilty: string | undefined; reason: string }
  /** The last message of a process that retires. */
  | { type: "ended" }
  /** NATS refuses the login, or an operation. */
  | { type: "refused"; code: ErrorCode; message: string }
  /** The handler of a message on this subject threw. The process goes on. */
  | { type: "handler-failed"; subject: string; message: string }
  | { type: "started"; instance: string; outcome: StartOutcome }
  | { type: "tried"; id: number; outcome: TrialOutcome }
  | { type: "idle"; instance: string }
  /** The instance is nearly full: another one is to take its place. */
  | { type: "full"; instance: string }
  /** The instance hit a limit: it takes nothing new, and is gone soon. */
  | { type: "condemned"; instance: string }
  | { type: "gone"; instance: string; reason: GoneReason; code?: string }
  /** A message of V8's inspector. */
  | { type: "inspected"; instance: string; message: string }
  | { type: "need-source-map"; revision: string }
  /** A function seals for a label, or opens a value under its key `kid`. */
  | { type: "need-key"; id: number; function: string; label: string; kid: string | undefined }
  /** The requests of its instances. */
  | { type: "requests"; reports: readonly RequestReport[] }
  /** Spans that have ended. */
  | { type: "spans"; spans: readonly Span[] };
