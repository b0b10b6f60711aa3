import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";
import { connectNats, type Nats } from "../../nats/index.ts";

/** A connection to NATS whose direction to the server a test can stop. */
export interface SlowLink extends AsyncDisposable {
  readonly nats: Nats;
  /** Messages to the server stay on their way from now on. The server's messages still come. */
  hold(): void;
  /** Delivers the messages to the server again. */
  release(): void;
}

export async function connectBySlowLink(port: number): Promise<SlowLink> {
  let isHeld = false;
  let waiting: (() => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = dial(port, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay();
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
    upstream.pipe(client);
    client.on("data", (bytes) => {
      if (isHeld) waiting.push(() => upstream.write(bytes));
      else upstream.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const nats = await connectNats({
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    name: "slow link",
  });
  return {
    nats,
    hold() {
      isHeld = true;
    },
    release() {
      isHeld = false;
      for (const send of waiting) send();
      waiting = [];
    },
    async [Symbol.asyncDispose]() {
      await nats.close();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
