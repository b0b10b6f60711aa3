/** Lets a server that is alone in its cluster serve: see nats-server/companion.ts. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { messageOf, NarunError } from "../../contracts/index.ts";
import { connectNats, type Nats, systemLogin } from "../../nats/index.ts";
import { type ServerAccess, startCompanion } from "../../nats-server/index.ts";
import type { Network } from "./network-folder.ts";

export interface FoundingOptions {
  url: string;
  binary: string;
  network: Network;
  access: ServerAccess;
  /** The cluster has never been. */
  isFirst: boolean;
  log: Logger;
  onSpawn(pid: number): void;
  signal: AbortSignal;
}

const LIMIT_MS = 60_000;
const RETRY_MS = 200;
const ANSWER_MS = 1_000;
const LOGIN_MS = 600_000;

/** Resolves when the cluster of one server has a leader. Error: NATS_SERVER_FAILED. */
export async function foundCluster(options: FoundingOptions): Promise<void> {
  const { url, network, isFirst, signal } = options;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const nats = await connectNats({
    ...{ url, worldId: "none", name: "narun up" },
    login: { creds: systemLogin(network.facts.keys, LOGIN_MS), ca: { file: network.caFile } },
  });
  const operator = await connectNats({ url, worldId: "none", name: "narun up", login: network.login("cli") });
  try {
    const companion = await startCompanion({ ...options, hasJetStream: isFirst });
    try {
      await until(() => hasLeader(operator), limit);
      if (isFirst) await until(() => isRemoved(nats, companion.name), limit);
    } finally {
      await companion[Symbol.asyncDispose]();
    }
    await until(() => hasLeader(operator), limit);
  } finally {
    await Promise.all([nats.close(), operator.close()]);
  }
}

async function until(test: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await test())) {
    if (signal.aborted)
      throw new NarunError("NATS_SERVER_FAILED", {
        detail: `its cluster has no leader: ${messageOf(signal.reason)}`,
      });
    await sleep(RETRY_MS);
  }
}

/** Only with a leader can JetStream list its streams. */
async function hasLeader(nats: Nats): Promise<boolean> {
  const answer = await ask(nats, "$JS.API.STREAM.NAMES", {});
  return answer !== undefined && answer.error === undefined;
}

async function isRemoved(nats: Nats, peer: string): Promise<boolean> {
  const answer = await ask(nats, "$JS.API.SERVER.REMOVE", { peer });
  return answer?.success === true;
}

async function ask(
  nats: Nats,
  subject: string,
  body: object,
): Promise<{ error?: unknown; success?: unknown } | undefined> {
  try {
    return JSON.parse((await nats.request(subject, JSON.stringify(body), { timeoutMs: ANSWER_MS })).text());
  } catch {
    return undefined;
  }
}
