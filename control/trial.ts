import {
  type Mode,
  NarunError,
  OF_ONE_NODE,
  rankNodes,
  type ServiceDescription,
  subjects,
  type Trial,
  type TrialReply,
  TrialReplySchema,
} from "../contracts/index.ts";
import { type Nats, NoReplyError, openNodeStates } from "../nats/index.ts";

/** Why no node tried a revision: no node runs, no node has its mode, or no node accepted the trial. */
export type WhyUntried = "no-node" | "no-node-of-mode" | "not-taken";

export type TrialResult =
  /** `interface`: its code is a service. */
  | { outcome: "ok"; node: string; interface?: ServiceDescription | undefined }
  | { outcome: "untried"; why: WhyUntried }
  | { outcome: "failed"; node: string; code: string; message: string; stack?: string | undefined };

export interface TrialOptions {
  signal?: AbortSignal | undefined;
  /** Called before a node is asked. */
  onNode?: (node: string) => void;
  /** The nodes to ask, where they were looked for before. They are looked for again where none was there. */
  candidates?: Candidates | undefined;
}

/** The nodes to ask, and why the revision stays untried if all of them refuse. */
export interface Candidates {
  nodes: readonly string[];
  why: WhyUntried;
}

/** How long a node may take to answer: a busy machine is slow to start a process. It ends a looping module earlier by itself. */
const TRIAL_TIMEOUT_MS = 45_000;

/** How long a node is not asked again: during an election, and after that. */
const AGAIN_MS = 1_000;
const OFTEN = 12;
const SELDOM_MS = 5_000;

/** Refusals that do not blame the function: another node may accept it. */
const REFUSALS = new Set(["MODE_UNSUPPORTED", "NODE_FULL", "NODE_STOPPING"]);

/**
 * Has a revision evaluated once by a node. Nodes are asked in the order in which they get the function's instances, so that
 * the bundle is in the cache of the node that gets the first request. Error: NATS_UNREACHABLE.
 */
export async function tryRevision(
  nats: Nats,
  { mode, ...trial }: Trial & { mode: Mode },
  { signal, onNode, candidates }: TrialOptions = {},
): Promise<TrialResult> {
  const isKnown = candidates !== undefined && candidates.nodes.length > 0;
  const { nodes, why } = isKnown ? candidates : await findCandidates(nats, { name: trial.function, mode });
  let last: TrialResult = { outcome: "untried", why };
  for (const node of nodes) {
    signal?.throwIfAborted();
    onNode?.(node);
    const reply = await abortable(ask(nats, node, trial), signal);
    if (reply === "no-responders") continue;
    if (reply === "timeout") {
      const message = `node ${node} did not answer within ${TRIAL_TIMEOUT_MS / 1_000} s`;
      last = { outcome: "failed", node, code: "DEADLINE_EXCEEDED", message };
    } else if (reply.outcome === "ok") {
      return { outcome: "ok", node, interface: reply.interface };
    } else if (OF_ONE_NODE.has(reply.code)) {
      last = { ...reply, node };
    } else if (!REFUSALS.has(reply.code)) {
      return { ...reply, node };
    }
  }
  return last;
}

export function createTrialError({ node, code, message, stack }: TrialResult & { outcome: "failed" }) {
  return new NarunError("TRIAL_FAILED", {
    detail: message,
    node,
    reason: code,
    ...(stack === undefined ? {} : { stack }),
  });
}

/** The nodes that may try a function. */
export async function findCandidates(
  nats: Nats,
  { name, mode }: { name: string; mode: Mode },
): Promise<Candidates> {
  const states = await (await openNodeStates(nats)).list();
  const running = states.flatMap((read) =>
    read.ok && read.value.status === "running" && read.value.capacity !== undefined
      ? [{ node: read.value.node_id, modes: read.value.capacity.modes }]
      : [],
  );
  const eligible = running.filter(({ modes }) => modes.includes(mode));
  const why = running.length === 0 ? "no-node" : eligible.length === 0 ? "no-node-of-mode" : "not-taken";
  return { nodes: rankNodes(name, eligible).map(({ node }) => node), why };
}

type Answer = TrialReply | "no-responders" | "timeout";

/**
 * Asks a node, and asks again for as long as it says nothing: a request, or its reply, is lost with the server that had it. The node evaluates a
 * revision once for all who ask meanwhile. A node that was lost or cut off has no responders by then.
 */
async function ask(nats: Nats, node: string, trial: Trial): Promise<Answer> {
  const endsAtMs = performance.now() + TRIAL_TIMEOUT_MS;
  const answered = Promise.withResolvers<Answer>();
  const begin = () => askOnce(nats, node, trial, endsAtMs).then(answered.resolve, answered.reject);
  let timer: NodeJS.Timeout;
  const beginLater = (times: number) => {
    const waitMs = times < OFTEN ? AGAIN_MS : SELDOM_MS;
    timer = setTimeout(() => {
      void begin();
      beginLater(times + 1);
    }, waitMs);
  };
  void begin();
  beginLater(0);
  return answered.promise.finally(() => clearTimeout(timer));
}

async function askOnce(nats: Nats, node: string, trial: Trial, endsAtMs: number): Promise<Answer> {
  try {
    const timeoutMs = endsAtMs - performance.now();
    const reply = await nats.request(subjects.trial(node), JSON.stringify(trial), { timeoutMs });
    return TrialReplySchema.parse(JSON.parse(reply.text()));
  } catch (error) {
    if (!(error instanceof NoReplyError)) throw error;
    if (error.reason !== "disconnected") return error.reason;
    throw new NarunError("NATS_UNREACHABLE", { detail: error.message }, { cause: error });
  }
}

/** Stops waiting when the signal aborts. A later answer is dropped. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", onAbort));
}
