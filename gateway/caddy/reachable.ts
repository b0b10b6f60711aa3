/** Which addresses take connections, and since when others do not. */
import { connect } from "node:net";

/** How long a connection may take. */
const CONNECT_MS = 1_000;

export class Reachable {
  /** When an address was first found dead, by `performance.now()`. */
  readonly #deadSinceMs = new Map<string, number>();

  /** How long an address has been dead; 0 where it takes a connection now. */
  async deadMs(address: string): Promise<number> {
    if (await takesConnection(address)) {
      this.#deadSinceMs.delete(address);
      return 0;
    }
    const nowMs = performance.now();
    const sinceMs = this.#deadSinceMs.get(address) ?? nowMs;
    this.#deadSinceMs.set(address, sinceMs);
    return Math.max(1, nowMs - sinceMs);
  }
}

function takesConnection(address: string): Promise<boolean> {
  const url = URL.parse(`http://${address}`);
  if (url === null) return Promise.resolve(false);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(url.port || 80), timeout: CONNECT_MS });
    const finish = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
    socket.once("timeout", () => finish(false));
  });
}
