/**
 * The cluster that a connection's server belongs to, as that server tells it: each server names the addresses of all that
 * it reaches, and names them anew when one comes or goes.
 */
import type { NatsConnection } from "@nats-io/transport-node";

/** How long a connection may take to find a server that sees a majority, and to go there (majority.ts). */
const STRANDED_MS = 2_500;

export class ClusterView {
  readonly #connection: NatsConnection;
  readonly #listeners = new Set<() => void>();
  readonly #seen = new Set<string>();
  readonly #onWait: (isWaiting: boolean) => void;
  #waits = 0;
  #changedAtMs = 0;
  #most = 0;
  #here = 0;

  /** `onWait`: work waits for JetStream from now on, or none does any more. */
  constructor(connection: NatsConnection, onWait: (isWaiting: boolean) => void = () => undefined) {
    this.#connection = connection;
    this.#onWait = onWait;
    this.look();
  }

  /** The servers that there are now, with the connection's own; 1 outside of a cluster. */
  get here(): number {
    return this.#here;
  }

  /** The most servers that were there at a time. */
  get most(): number {
    return this.#most;
  }

  /** Too few servers are left to decide about a write. A cluster that was never seen whole is not known to be that. */
  get isMinority(): boolean {
    return this.#here * 2 <= this.#most && this.#most > 1;
  }

  /** The minority has lasted: a connection that could leave it for a majority has done so. */
  get isStranded(): boolean {
    return this.isMinority && performance.now() - this.#changedAtMs > STRANDED_MS;
  }

  /** The addresses of all servers that were there at some time. */
  get seen(): ReadonlySet<string> {
    return this.#seen;
  }

  /** The addresses of the servers that there are now. */
  get urls(): readonly string[] {
    return infoOf(this.#connection).connect_urls ?? [];
  }

  get isCluster(): boolean {
    return infoOf(this.#connection).cluster !== undefined;
  }

  /** Reads the server's last word about its cluster. */
  look(): void {
    const { cluster, connect_urls: urls = [] } = infoOf(this.#connection);
    const here = cluster === undefined ? 1 : Math.max(1, new Set(urls).size);
    for (const url of urls) this.#seen.add(url);
    const isNews = here !== this.#here;
    if (isNews) this.#changedAtMs = performance.now();
    this.#here = here;
    this.#most = Math.max(this.#most, here);
    if (isNews) for (const listener of [...this.#listeners]) listener();
  }

  /** Work waits for JetStream, as a leader is elected; returns the function that ends it. */
  beginWait(): () => void {
    this.#waits += 1;
    if (this.#waits === 1) this.#onWait(true);
    return () => {
      this.#waits -= 1;
      if (this.#waits === 0) this.#onWait(false);
    };
  }

  /** Calls back when servers came or went; returns the function that ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function infoOf({ info }: NatsConnection): { cluster?: string; connect_urls?: string[] } {
  return info ?? {};
}
