import type { LoginTexts } from "../../nats/index.ts";

/** How a host process logs in to NATS. */
export interface HostLogin {
  url: string;
  /** Asked for the login whenever a process may connect. */
  login?: () => LoginTexts;
}

/** Who asks. */
export interface HostLoginRequest {
  /** The trust group, or `<group>/<function>` where a function is kept apart (hosts.ts). */
  group: string;
}

/**
 * The login of one host process. Today it is the node's own, so a host that was taken over may speak for every function.
 * This is the one place where a login that is minted for the host will come from: a user of its own, which may register
 * the services of the group's functions, announce and log for them, and reach what their bindings declare.
 */
export function hostLogin(nodeLogin: HostLogin, _request: HostLoginRequest): HostLogin {
  return nodeLogin;
}
