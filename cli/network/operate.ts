/** Orders of the operator to a network that runs, out of the data folder of any of its nodes. */
import { NarunError } from "../../contracts/index.ts";
import { connectNats, keeperLogin, systemLogin } from "../../nats/index.ts";
import { connectLimit } from "../command/connect-limit.ts";
import { changeNetwork, type NetworkChannel, openNetworkRecord } from "./change-network.ts";
import { type NetworkFacts, type NetworkState, readNetwork } from "./network-facts.ts";
import { addressOfNetwork } from "./network-folder.ts";

export interface NetworkOperator extends NetworkChannel, AsyncDisposable {
  readonly url: string;
  readonly facts: NetworkFacts;
  /** The state of now. */
  state(): Promise<NetworkState>;
  change(change: (state: NetworkState) => NetworkState): Promise<NetworkState>;
}

/** How long the logins of one order are good. */
const ORDER_MS = 600_000;

/** The facts of a node's data folder. Error: NETWORK_MISSING. */
export function requireNetwork(dataDir: string): NetworkFacts {
  const facts = readNetwork(dataDir);
  if (facts === undefined) throw new NarunError("NETWORK_MISSING", { detail: dataDir });
  return facts;
}

/** `url`: default: the address of the folder's own node. Errors: NETWORK_MISSING, and the errors of connectNats. */
export async function operateNetwork(dataDir: string, url?: string): Promise<NetworkOperator> {
  const facts = requireNetwork(dataDir);
  const { keys, authority } = facts;
  const address = url ?? addressOfNetwork(dataDir);
  const connect = (creds: string, worldId?: string) =>
    connectNats({
      ...(address !== undefined && { url: address }),
      ...(worldId !== undefined && { worldId }),
      ...connectLimit(address),
      login: { creds, ca: authority.cert },
      name: "narun network",
    });
  const nats = await connect(keeperLogin(keys, ORDER_MS));
  const close = () => nats.close();
  try {
    const system = await connect(systemLogin(keys, ORDER_MS), "none");
    return {
      ...{ nats, system, facts, url: nats.url.replace(/^nats:/, "tls:") },
      state: async () => (await (await openNetworkRecord(nats, facts)).read())?.state ?? facts,
      change: (change) => changeNetwork({ nats, system }, facts, change),
      async [Symbol.asyncDispose]() {
        await Promise.all([nats.close(), system.close()]);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
