/**
 * Keeps a node's identity that of its network while it runs: new keys come, former ones end, tenants come and go.
 *
 * I1  Logins of a new key are made only when the servers know that key.
 * I2  A state that is older than the node's own is left out.
 */
import type { Logger } from "pino";
import { connectNats, dropEnded, type Nats, systemLogin, withPresentRights } from "../../nats/index.ts";
import { changeNetwork, openNetworkRecord, settleClaims } from "./change-network.ts";
import type { NetworkState } from "./network-facts.ts";
import type { Network } from "./network-folder.ts";

export interface KeepIdentityOptions {
  nats: Nats;
  url: string;
  network: Network;
  log: Logger;
}

/** How long a login of the system account is good: each connection is for one change. */
const SYSTEM_MS = 60_000;
/** Upper bound of the pause between two looks for keys whose time is over. */
const LOOK_MS = 60_000;

/** Resolves when the node has the network's state. Returns the function that ends the keeping. Errors of changeNetwork. */
export async function keepIdentity(options: KeepIdentityOptions): Promise<() => void> {
  const { nats, network, log } = options;
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let turns: Promise<unknown> = Promise.resolve();
  /** One after the other. A fault leaves the rest. */
  const inTurn = (work: () => Promise<void>) => {
    turns = turns.then(work).catch((error: unknown) => {
      if (!ending.signal.aborted) log.error({ err: error }, "a change of the network was not taken over");
    });
  };
  const look = () => {
    inTurn(() => endKeys(options));
    timer = setTimeout(look, untilNextEnd(network.facts)).unref();
  };
  const record = await openNetworkRecord(nats, network.facts);
  const kept = await record.read();
  if (kept !== undefined) await adopt(options, kept.state);
  await withSystem(options, async (system) => {
    await settleClaims(system, network.facts);
    network.adopt(await changeNetwork({ nats, system }, network.facts, refreshed));
  });
  await network.renew();
  await record.follow((state) => {
    inTurn(() => adopt(options, state));
    clearTimeout(timer);
    timer = setTimeout(look, untilNextEnd(state)).unref();
  }, ending.signal);
  return () => {
    ending.abort();
    clearTimeout(timer);
  };
}

/** I1, I2 */
async function adopt(options: KeepIdentityOptions, state: NetworkState): Promise<void> {
  const { network, log } = options;
  if (state.version <= network.facts.version) return;
  await withSystem(options, (system) => settleClaims(system, state));
  network.adopt(state);
  await network.renew();
  log.info({ version: state.version }, "the network's identity changed");
}

async function endKeys(options: KeepIdentityOptions): Promise<void> {
  const { nats, network } = options;
  if (refreshed(network.facts) === network.facts) return;
  await withSystem(options, async (system) => {
    network.adopt(await changeNetwork({ nats, system }, network.facts, refreshed));
  });
}

/** Without keys whose time is over, with the rights of this version. */
function refreshed(state: NetworkState): NetworkState {
  const keys = withPresentRights(dropEnded(state.keys));
  const tenants = Object.entries(state.tenants).map(
    ([name, tenant]) => [name, withPresentRights(dropEnded(tenant)), tenant] as const,
  );
  if (keys === state.keys && tenants.every(([, now, before]) => now === before)) return state;
  return { ...state, keys, tenants: Object.fromEntries(tenants.map(([name, now]) => [name, now])) };
}

function untilNextEnd({ keys, tenants }: NetworkState): number {
  const ends = [keys, ...Object.values(tenants)].flatMap((one) => Object.values(one.ends));
  return Math.max(0, Math.min(LOOK_MS, Math.min(...ends) - Date.now()));
}

async function withSystem<Result>(
  { url, network }: KeepIdentityOptions,
  work: (system: Nats) => Promise<Result>,
): Promise<Result> {
  const { keys, authority } = network.facts;
  const login = { creds: systemLogin(keys, SYSTEM_MS), ca: authority.cert };
  const system = await connectNats({ url, login, worldId: "none", name: "narun up" });
  try {
    return await work(system);
  } finally {
    await system.close();
  }
}
