import type { LoginTexts } from "../../nats/index.ts";

/** How a host process logs in to NATS. */
export interface HostLogin {
  url: string;
  /** Asked for the login whenever a process may connect. */
  login?: () => LoginTexts;
}

/** The host process that logs in. */
export interface HostLoginRequest {
  /** Its group (groups.ts). */
  group: string;
}

/**
 * The login of one host process. Today it is the node's own, so a host that an attacker took over may speak for every function.
 * A login that is minted for the host would come from here: a user of its own, which may register the services of the group's
 * functions, announce and log for them, and reach the stores and subjects that their bindings declare.
 */
export function hostLogin(nodeLogin: HostLogin, _request: HostLoginRequest): HostLogin {
  return nodeLogin;
}
