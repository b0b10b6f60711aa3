/** The routes between the servers of a cluster, as TCP proxies that a test can cut. One for each direction of a pair. */
import { once } from "node:events";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";

export interface RouteLinks extends AsyncDisposable {
  /** The port by which `from` reaches `to`. */
  port(from: string, to: string): number;
  /** From now on no byte passes between this server and the others, without notice, as on a network that is down. */
  cut(name: string): void;
  /** Bytes pass again, on new connections. */
  heal(name: string): void;
}

interface Link {
  from: string;
  to: string;
  server: Server;
  pairs: Set<readonly [Socket, Socket]>;
}

/** `targets`: the port on which each server listens for routes. */
export async function startRouteLinks(targets: ReadonlyMap<string, number>): Promise<RouteLinks> {
  const cut = new Set<string>();
  const links: Link[] = [];
  const isCut = ({ from, to }: Link) => cut.has(from) || cut.has(to);
  for (const from of targets.keys())
    for (const [to, port] of targets) if (from !== to) links.push(await startLink(from, to, port, isCut));
  return {
    port(from, to) {
      const link = links.find((one) => one.from === from && one.to === to);
      if (link === undefined) throw new Error(`no link from ${from} to ${to}`);
      return (link.server.address() as AddressInfo).port;
    },
    cut: (name) => void cut.add(name),
    heal(name) {
      cut.delete(name);
      // Bytes were lost: these connections are of no use any more.
      for (const link of links) if (link.from === name || link.to === name) endPairs(link);
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) {
        endPairs(link);
        link.server.close();
      }
    },
  };
}

async function startLink(
  from: string,
  to: string,
  port: number,
  isCut: (link: Link) => boolean,
): Promise<Link> {
  const link: Link = { from, to, pairs: new Set(), server: createServer((client) => accept(client)) };
  const accept = (client: Socket) => {
    const upstream = dial(port, "127.0.0.1");
    const pair = [client, upstream] as const;
    link.pairs.add(pair);
    for (const [socket, other] of [pair, [upstream, client] as const]) {
      socket.setNoDelay();
      socket.on("data", (bytes) => {
        if (!isCut(link)) other.write(bytes);
      });
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        // A cut network does not tell that the other side has closed.
        if (!isCut(link)) other.destroy();
      });
    }
  };
  link.server.listen(0, "127.0.0.1");
  await once(link.server, "listening");
  return link;
}

function endPairs({ pairs }: Link): void {
  for (const pair of pairs) for (const socket of pair) socket.destroy();
  pairs.clear();
}
