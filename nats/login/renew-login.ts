/**
 * The change of a connection to another login. The client library has one connection to the server at a time, and what is on its
 * way there or here is lost when the former one is closed.
 *
 * I1  The former connection stays until the requests that left by it are answered, for `ANSWERS_MS` at most. Its answerer keeps an
 *     answer that takes longer (ledger/ledger.ts). Meanwhile new requests are held; they leave by the new connection.
 * I2  Answers that leave meanwhile are not held: an asker that changes its own login waits for them. Some may be lost, so that
 *     a ledger keeps all of them (`isUnderWay`).
 * I3  One change follows the other: each takes the login of its own time.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import type { ConnectionStatus } from "../connection-status.ts";
import type { Outbox } from "../outbox.ts";
import type { Requester } from "../requester.ts";

export interface LoginRenewalOptions {
  connection: NatsConnection;
  requester: Pick<Requester, "hold" | "resume">;
  status: Pick<ConnectionStatus, "state" | "listen">;
  outbox: Pick<Outbox, "flush">;
}

/** How long answers are waited for. An answerer that is slow to read a request is given time to take it (I1). */
const ANSWERS_MS = 2_000;

export class LoginRenewal {
  readonly #options: LoginRenewalOptions;
  #over: Promise<void> | undefined;

  constructor(options: LoginRenewalOptions) {
    this.#options = options;
  }

  get isUnderWay(): boolean {
    return this.#over !== undefined;
  }

  /** Does work after the changes that are under way, or at once: requests that are held leave before it. */
  after<T>(work: () => Promise<T>): Promise<T> {
    return this.#over === undefined ? work() : this.#over.then(work, work);
  }

  renew(): Promise<void> {
    // The hold begins at once.
    const over = this.after(() => this.#change()).finally(() => {
      if (this.#over === over) this.#over = undefined;
    });
    this.#over = over;
    return over;
  }

  /** The connection is closed: the requests that are held leave by the former one. */
  end(): void {
    this.#options.requester.resume();
  }

  async #change(): Promise<void> {
    const { connection, requester, status, outbox } = this.#options;
    if (connection.isClosed()) return;
    try {
      if (status.state === "connected") {
        await requester.hold(ANSWERS_MS);
        outbox.flush();
        await connection.flush().catch(() => undefined);
      }
      if (connection.isClosed()) return;
      await reconnect(connection, status);
    } finally {
      requester.resume();
    }
  }
}

/** Resolves when a server has taken the new login, or the connection is closed. */
async function reconnect(
  connection: NatsConnection,
  status: Pick<ConnectionStatus, "listen">,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = status.listen((state) => {
    if (state !== "reconnecting") resolve();
  });
  await connection.reconnect();
  await promise;
  stop();
}
