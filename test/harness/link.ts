import { once } from "node:events";
import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";

/** A TCP proxy before a nats-server, whose connections a test can break. A connection is known by the name of its client. */
export interface Link extends AsyncDisposable {
  readonly url: string;
  /** Discards from now on all bytes of these connections in one direction, like a connection that breaks. */
  lose(name: string, direction: Direction): void;
  /** Resolves when bytes with this text were lost. */
  lost(text: string): Promise<void>;
  /** Breaks the connections of a name, on both sides. */
  cut(name: string): void;
}

type Direction = "to-server" | "to-client";

interface Pair {
  name: string | undefined;
  client: Socket;
  upstream: Socket;
  losing: Set<Direction>;
}

const NAME = /"name":"([^"]*)"/;

export async function startLink(natsPort: number): Promise<Link> {
  const pairs = new Set<Pair>();
  const waiting = new Set<() => void>();
  let lostText = "";
  const pass = (pair: Pair, direction: Direction, to: Socket) => (bytes: Buffer) => {
    if (direction === "to-server") pair.name ??= NAME.exec(bytes.toString("latin1"))?.[1];
    if (!pair.losing.has(direction)) return void to.write(bytes);
    lostText += bytes.toString("latin1");
    for (const look of waiting) look();
  };
  const server = createServer((client) => {
    const upstream = dial(natsPort, "127.0.0.1");
    const pair: Pair = { name: undefined, client, upstream, losing: new Set() };
    pairs.add(pair);
    client.on("data", pass(pair, "to-server", upstream));
    upstream.on("data", pass(pair, "to-client", client));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.setNoDelay();
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const named = (name: string) => {
    const found = [...pairs].filter((pair) => pair.name === name);
    if (found.length === 0) throw new Error(`no connection of the name ${name} goes through the link`);
    return found;
  };
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lose(name, direction) {
      for (const { losing } of named(name)) losing.add(direction);
    },
    lost(text) {
      return new Promise((resolve) => {
        const look = () => {
          if (!lostText.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    cut(name) {
      for (const { client, upstream } of named(name)) {
        client.destroy();
        upstream.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { client } of pairs) client.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
