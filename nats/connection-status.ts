import type { NatsConnection } from "@nats-io/transport-node";
import type { ReconnectDelay } from "./reconnect-delay.ts";

export type ConnectionState = "connected" | "reconnecting" | "closed";

export interface ConnectionStatusOptions {
  connection: NatsConnection;
  delay: ReconnectDelay;
  /** The server refused something; the connection goes on. */
  onError(error: Error): void;
  /** The server told about its cluster, or the connection has another server. */
  onCluster(): void;
}

/** Follows the state of a connection of the client library. */
export class ConnectionStatus {
  readonly #options: ConnectionStatusOptions;
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  #state: ConnectionState = "connected";

  constructor(options: ConnectionStatusOptions) {
    this.#options = options;
    void this.#follow();
    void options.connection.closed().then(() => this.#enter("closed"));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Calls back on every change, the first listener first; returns the function that ends it. */
  listen(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #follow(): Promise<void> {
    const { connection, delay, onError, onCluster } = this.#options;
    for await (const event of connection.status()) {
      if (event.type === "error") onError(event.error);
      if (event.type === "disconnect") this.#enter("reconnecting");
      if (event.type === "update" || event.type === "reconnect") onCluster();
      if (event.type === "reconnecting") delay.noteAttempt();
      if (event.type === "reconnect") {
        delay.noteConnected();
        this.#enter("connected");
      }
      delay.renew();
    }
  }

  #enter(next: ConnectionState): void {
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of [...this.#listeners]) listener(next);
  }
}
