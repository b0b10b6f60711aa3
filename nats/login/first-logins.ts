/**
 * The end of a first connection whose login no server takes. The client library drops a server that refuses, but the greeting of
 * another server of the cluster names it again: it would go on for ever (@nats-io/nats-core 3.4.0).
 */
import { AuthorizationError } from "@nats-io/transport-node";

/** How many logins are sent at least before a first connection is given up. */
const LEAST = 3;

export interface FirstLogins {
  /** A login is sent. */
  note(): void;
  /** Throws where enough logins were sent. Called before each attempt. */
  check(): void;
}

export function createFirstLogins(servers: number): FirstLogins {
  let count = 0;
  return {
    note() {
      count += 1;
    },
    check() {
      if (count < Math.max(LEAST, servers)) return;
      throw new AuthorizationError(`the servers ended all of ${count} connections at the login`);
    },
  };
}
