import type { ConnectionState } from "../connection-status.ts";
import { inboxOf } from "../identity/claims.ts";
import type { LoginTexts } from "./login.ts";

export interface RenewableConnection {
  readonly state: ConnectionState;
  renewLogin(): Promise<void>;
  onState(listener: (state: ConnectionState) => void): unknown;
}

const LOOK_MS = 5_000;

/**
 * Has a connection log in anew when its credentials file is another: the former login is accepted for a while only, and the
 * server would cut the connection at its end. `taken`: the login of the connection.
 */
export function followChangedLogin(
  nats: RenewableConnection,
  read: () => LoginTexts,
  taken: () => LoginTexts,
): void {
  const timer = setInterval(() => {
    if (nats.state !== "connected") return;
    const [now, then] = [read().creds, taken().creds];
    // A user with other inboxes cannot go on with the requests of the connection.
    if (now !== then && inboxOf(now) === inboxOf(then)) void nats.renewLogin();
  }, LOOK_MS).unref();
  nats.onState((state) => {
    if (state === "closed") clearInterval(timer);
  });
}
