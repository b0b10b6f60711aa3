import { once } from "node:events";
import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";

/** A TCP proxy before a nats-server that records every byte, in both directions. */
export interface RecordingProxy extends AsyncDisposable {
  readonly url: string;
  /** The number of connections that went through. */
  readonly connections: number;
  /** All bytes of each connection and direction. */
  recorded(): Buffer[];
}

export async function startRecordingProxy(natsPort: number): Promise<RecordingProxy> {
  const records: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = dial(natsPort, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      const record: Buffer[] = [];
      records.push(record);
      sockets.add(from);
      from.setNoDelay();
      from.on("data", (bytes: Buffer) => {
        record.push(bytes);
        to.write(bytes);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return records.length / 2;
    },
    recorded: () => records.map((record) => Buffer.concat(record)),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
