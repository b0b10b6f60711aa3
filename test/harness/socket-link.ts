import { once } from "node:events";
import { rename } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";

/** A proxy before the socket of a host process, whose connections a test can hold up and break. */
export interface SocketLink extends AsyncDisposable {
  /** How many gateways are connected. */
  readonly connections: number;
  /** Whether one of the last messages to the host had this text. */
  carried(text: string): boolean;
  /** Passes on only so many bytes more in one direction; later ones are lost. */
  lose(direction: Direction, afterBytes?: number): void;
  /** Resolves when bytes with this text were lost. */
  lost(text: string): Promise<void>;
  /** Reads nothing more in one direction, so that the sender's buffers fill. */
  stall(direction: Direction): void;
  /** Reads on. */
  resume(direction: Direction): void;
  /** Breaks all connections, on both sides. Later ones pass on everything. */
  cut(): void;
}

type Direction = "to-host" | "to-gateway";

interface Pair {
  readonly gateway: Socket;
  readonly host: Socket;
}

/** How many characters of the last messages are kept. */
const KEPT = 64 * 1024;

/** Takes the place of a socket. Gateways that connect from now on go through the link. */
export async function startSocketLink(path: string): Promise<SocketLink> {
  const real = `${path}-real`;
  await rename(path, real);
  const pairs = new Set<Pair>();
  const waiting = new Set<() => void>();
  const left: Record<Direction, number> = { "to-host": Infinity, "to-gateway": Infinity };
  let lostText = "";
  let toHost = "";
  const pass = (direction: Direction, to: Socket) => (bytes: Buffer) => {
    const passed = bytes.subarray(0, left[direction]);
    left[direction] -= passed.length;
    if (passed.length > 0) to.write(passed);
    if (direction === "to-host") toHost = (toHost + passed.toString("latin1")).slice(-KEPT);
    lostText += bytes.toString("latin1", passed.length);
    for (const look of waiting) look();
  };
  const server = createServer((gateway) => {
    const host = connect(real);
    const pair = { gateway, host };
    pairs.add(pair);
    gateway.on("data", pass("to-host", host));
    host.on("data", pass("to-gateway", gateway));
    for (const [socket, other] of [
      [gateway, host],
      [host, gateway],
    ] as const) {
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        // What the ended side wrote last still arrives.
        other.end();
        pairs.delete(pair);
      });
    }
  });
  server.listen(path);
  await once(server, "listening");
  return {
    get connections() {
      return pairs.size;
    },
    carried: (text) => toHost.includes(text),
    lose(direction, afterBytes = 0) {
      left[direction] = afterBytes;
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
    stall(direction) {
      for (const { gateway, host } of pairs) (direction === "to-host" ? gateway : host).pause();
    },
    resume(direction) {
      for (const { gateway, host } of pairs) (direction === "to-host" ? gateway : host).resume();
    },
    cut() {
      left["to-host"] = left["to-gateway"] = Infinity;
      for (const { gateway, host } of pairs) {
        gateway.destroy();
        host.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { gateway, host } of pairs) {
        gateway.destroy();
        host.destroy();
      }
      server.close();
      await once(server, "close");
    },
  };
}
