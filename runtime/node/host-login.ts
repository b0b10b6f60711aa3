/**
 * The logins of host processes. Where the node has the key of the role `host`, each process gets a login of its own: for the
 * functions in it, for a while, and renewed before its end (host-access.ts). Else it logs in as its node does, so a host that an
 * attacker took over may speak for every function.
 */
import { capabilitiesOf, type FunctionConfig, type RightsFacts } from "../../contracts/index.ts";
import {
  createLogin,
  type Nats,
  openByteKv,
  openByteObjects,
  type RoleKey,
  randomName,
} from "../../nats/index.ts";
import type { HostLogin } from "../host.ts";

export interface HostLoginRequest {
  /** Functions that may come into the group's process. */
  deployed(): RightsFacts[];
}

/** Default of `hostLoginMs`. */
const HOST_LOGIN_MS = 3_600_000;

export interface MintingOptions {
  nats: Nats;
  /** Undefined: hosts log in as the node. */
  hostsKey: (() => RoleKey) | undefined;
  lifeMs?: number | undefined;
}

/** The login of the processes of one group. */
export function hostLogin(
  nodeLogin: Omit<HostLogin, "rights">,
  { nats, hostsKey, lifeMs = HOST_LOGIN_MS }: MintingOptions,
  { deployed }: HostLoginRequest,
): HostLogin {
  if (hostsKey === undefined) return nodeLogin;
  const name = randomName();
  return {
    ...nodeLogin,
    rights: {
      name,
      lifeMs,
      deployed,
      signer: () => hostsKey().seed,
      mint: (tags) => {
        const { ca } = nodeLogin.login?.() ?? {};
        return {
          creds: createLogin(hostsKey(), { name, tags, lifeMs }),
          ...(ca === undefined ? {} : { ca }),
        };
      },
      prepare: (config) => makeBuckets(nats, config),
    },
  };
}

async function makeBuckets(nats: Nats, config: FunctionConfig): Promise<void> {
  await Promise.all(
    capabilitiesOf(config).map(async (capability) => {
      if (capability.kind === "kv") await openByteKv(nats, capability.bucket).make();
      if (capability.kind === "objects") await openByteObjects(nats, capability.bucket).make();
    }),
  );
}
