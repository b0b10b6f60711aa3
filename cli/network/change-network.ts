/**
 * Changes of a network's keys and tenants, in this order:
 *   1. the new state is written to the record of the network's nodes;
 *   2. the servers get the claims of the accounts that changed;
 *   3. the nodes take the state over, and make new logins (keep-identity.ts).
 * Where 2 was lost, the next node that looks does it.
 */
import { NarunError } from "../../contracts/index.ts";
import { accountJwt, claimsTime, goneJwt, type Nats, publicOf, pushClaims } from "../../nats/index.ts";
import { type NetworkState, NetworkStateSchema } from "./network-facts.ts";
import { openRecord } from "./record.ts";

export interface NetworkChannel {
  /** A connection of the account. */
  nats: Nats;
  /** A connection of the system account. */
  system: Nats;
}

const ATTEMPTS = 20;

export const openNetworkRecord = (nats: Nats, { keys }: NetworkState) =>
  openRecord(nats, { seed: keys.operator, schema: NetworkStateSchema });

/**
 * Changes the state, and returns the new one. `known`: for a network whose record was never written. A change that returns its
 * argument changes nothing. Errors of the change; NATS_JETSTREAM_UNAVAILABLE; NATS_SERVER_FAILED.
 */
export async function changeNetwork(
  { nats, system }: NetworkChannel,
  known: NetworkState,
  change: (state: NetworkState) => NetworkState,
): Promise<NetworkState> {
  const record = await openNetworkRecord(nats, known);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { state, revision } = (await record.read()) ?? { state: stateOf(known), revision: 0 };
    const changed = change(state);
    if (changed === state) return state;
    const next = { ...changed, version: state.version + 1 };
    if ((await record.write(next, revision)) === undefined) continue;
    await settleClaims(system, next);
    return next;
  }
  throw new NarunError("NATS_SERVER_FAILED", { detail: "others change the network all the time" });
}

/** The part of the facts that the record has. */
function stateOf({ keys, tenants, gone, version }: NetworkState): NetworkState {
  return { keys, tenants, gone, version };
}

/** Gives the servers the claims that they lack. */
export async function settleClaims(system: Nats, { keys, tenants, gone }: NetworkState): Promise<void> {
  const { operator } = keys;
  const all = [
    { account: publicOf(keys.account), at: keys.changedAt, sign: () => accountJwt(operator, keys) },
    ...Object.entries(tenants).map(([name, tenant]) => ({
      account: publicOf(tenant.account),
      at: tenant.changedAt,
      sign: () => accountJwt(operator, tenant, name),
    })),
    ...Object.entries(gone).map(([account, at]) => ({
      ...{ account, at },
      sign: () => goneJwt(operator, account, at),
    })),
  ];
  for (const { account, at, sign } of all)
    if (((await claimsTime(system, account)) ?? 0) < at) await pushClaims(system, sign());
}
