/**
 * The end of a first connection whose login no server takes. The client library drops a server that refuses, but the greeting of
 * another server of the cluster names it again: it would go on for ever (@nats-io/nats-core 3.4.0).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AuthorizationError, TimeoutError } from "@nats-io/transport-node";
import { errnoOf } from "../../machine/index.ts";

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

/** How often a first connection is tried that breaks. */
const ATTEMPTS = 3;
const RETRY_MS = 150;

/**
 * Opens a first connection, and again where its socket breaks before the server has taken the login, as where a server stops and
 * another one takes its place. The library waits for an answer until its time is over: `socketError` says more then.
 */
export async function openFirst<T>(open: () => Promise<T>, socketError: () => Error | undefined): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open();
    } catch (error) {
      const reason = error instanceof TimeoutError ? (socketError() ?? error) : error;
      if (attempt === ATTEMPTS || !isBroken(reason)) throw reason;
      await sleep(RETRY_MS * attempt);
    }
  }
}

const isBroken = (error: unknown) => ["EPIPE", "ECONNRESET"].includes(errnoOf(error) ?? "");
