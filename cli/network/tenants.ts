/** The tenants of a network: accounts of their own, at the same servers. */

import { NarunError } from "../../contracts/index.ts";
import {
  type AccountKeys,
  type AccountLimits,
  connectNats,
  createAccountKeys,
  keeperLogin,
  type Nats,
  publicOf,
  removeAllStreams,
} from "../../nats/index.ts";
import { connectLimit } from "../command/connect-limit.ts";
import type { NetworkState } from "./network-facts.ts";
import type { NetworkOperator } from "./operate.ts";
import { openTenantRecord, type TenantFacts } from "./tenant-folder.ts";

/** Error: TENANT_EXISTS. */
export async function addTenant(
  operator: NetworkOperator,
  name: string,
  limits: AccountLimits,
): Promise<TenantFacts> {
  const keys = createAccountKeys(limits);
  await operator.change((state) => {
    if (state.tenants[name] !== undefined) throw new NarunError("TENANT_EXISTS", { detail: name });
    return { ...state, tenants: { ...state.tenants, [name]: keys } };
  });
  return factsOf(operator, name, keys);
}

/** The file for the tenant's own `narun up`. Error: TENANT_UNKNOWN. */
export async function exportTenant(operator: NetworkOperator, name: string): Promise<TenantFacts> {
  return factsOf(operator, name, requireTenant(await operator.state(), name));
}

/** Its changes are numbered by their time. */
function factsOf({ url, facts }: NetworkOperator, name: string, keys: AccountKeys): TenantFacts {
  return { name, url, ca: facts.authority.cert, keys, version: keys.changedAt };
}

/** Removes a tenant with all that it has stored. Error: TENANT_UNKNOWN. */
export async function removeTenant(operator: NetworkOperator, name: string): Promise<void> {
  const keys = requireTenant(await operator.state(), name);
  // Claims without JetStream would leave the streams where they are.
  await withTenant(operator, keys, removeAllStreams);
  await operator.change((state) => {
    const { [name]: removed, ...tenants } = state.tenants;
    if (removed === undefined) return state;
    const at = Math.max(removed.changedAt + 1, Math.floor(Date.now() / 1_000));
    return { ...state, tenants, gone: { ...state.gone, [publicOf(removed.account)]: at } };
  });
}

/** Changes the keys of a tenant, and tells its nodes. Error: TENANT_UNKNOWN. */
export async function changeTenant(
  operator: NetworkOperator,
  name: string,
  change: (keys: AccountKeys) => AccountKeys,
): Promise<AccountKeys> {
  const { tenants } = await operator.change((state) => ({
    ...state,
    tenants: { ...state.tenants, [name]: change(requireTenant(state, name)) },
  }));
  const keys = requireTenant({ tenants }, name);
  await withTenant(operator, keys, async (nats) => {
    const record = await openTenantRecord(nats, keys);
    const revision = (await record.read())?.revision ?? 0;
    await record.write({ keys, version: keys.changedAt }, revision);
  });
  return keys;
}

function requireTenant({ tenants }: Pick<NetworkState, "tenants">, name: string): AccountKeys {
  const keys = tenants[name];
  if (keys === undefined) throw new NarunError("TENANT_UNKNOWN", { detail: name });
  return keys;
}

async function withTenant(
  { url, facts }: NetworkOperator,
  keys: AccountKeys,
  work: (nats: Nats) => Promise<void>,
): Promise<void> {
  const login = { creds: keeperLogin(keys, 600_000), ca: facts.authority.cert };
  const nats = await connectNats({ url, login, worldId: "none", name: "narun tenant", ...connectLimit(url) });
  try {
    await work(nats);
  } finally {
    await nats.close();
  }
}
