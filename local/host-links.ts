import type { GatewayHello, SocketAddress } from "../contracts/index.ts";
import { HostLink } from "./host-link.ts";

export interface HostLinksOptions extends Pick<GatewayHello, "world" | "prefix" | "peer"> {
  warn(fields: object, message: string): void;
}

/** The connections of a gateway to the host processes of its machine. */
export interface HostLinks {
  /**
   * The connection for an address, opened at the first call: one for each host process. It never throws. A connection that
   * cannot be opened is tried again later, with pauses of up to 30 s; meanwhile it is not open. Call `drop` when the instance
   * is gone.
   */
  hold(address: SocketAddress): HostLink;
  /** The counterpart of `hold`. The last one lets the connection end with its last request. */
  drop(address: SocketAddress): void;
  close(): void;
}

interface Held {
  readonly link: HostLink;
  holders: number;
}

export function createHostLinks({ warn, ...hello }: HostLinksOptions): HostLinks {
  const held = new Map<string, Held>();
  const keyOf = ({ machine, path }: SocketAddress) => `${machine} ${path}`;
  return {
    hold(address) {
      const key = keyOf(address);
      const known = held.get(key);
      if (known !== undefined) {
        known.holders += 1;
        return known.link;
      }
      const { machine, path } = address;
      const link = new HostLink({ path, hello: { version: 1, machine, ...hello }, warn });
      held.set(key, { link, holders: 1 });
      return link;
    },
    drop(address) {
      const key = keyOf(address);
      const known = held.get(key);
      if (known === undefined) return;
      known.holders -= 1;
      if (known.holders > 0) return;
      held.delete(key);
      known.link.retire();
    },
    close() {
      for (const { link } of held.values()) link.close();
      held.clear();
    },
  };
}
