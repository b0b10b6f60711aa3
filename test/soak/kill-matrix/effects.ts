/** The effects of steps, counted in a key-value store on a NATS of its own, which is never killed. */
import { createServer } from "node:http";
import { jetstream } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { startTestNats } from "../../harness/nats.ts";

export interface Effects extends AsyncDisposable {
  readonly url: string;
  /** `HOST:PORT`, for `egress`. */
  readonly address: string;
  /** The value of each key that had an effect. */
  values(): Promise<Map<string, string>>;
  /** How often each key was asked for. */
  readonly asked: ReadonlyMap<string, number>;
}

/** `onAsk`: called before the effect with `false`, and behind it with `true`, before the answer. */
export async function startEffects(
  binary: string,
  onAsk: (isDone: boolean) => Promise<void>,
): Promise<Effects> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startTestNats({ binary }));
  const connection = await connect({ servers: nats.url });
  stack.defer(() => connection.close());
  const store = await new Kvm(jetstream(connection)).create("effects", { history: 1 });
  const asked = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const key = (await Array.fromAsync(request.setEncoding("utf8"))).join("");
    asked.set(key, (asked.get(key) ?? 0) + 1);
    await onAsk(false);
    const value = await once(store, key);
    await onAsk(true);
    response.end(value);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stack.defer(() => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server has a port");
  const ending = stack.move();
  return {
    url: `http://127.0.0.1:${address.port}/`,
    address: `127.0.0.1:${address.port}`,
    asked,
    async values() {
      const values = new Map<string, string>();
      for await (const key of await store.keys()) values.set(key, (await store.get(key))?.string() ?? "");
      return values;
    },
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

let count = 0;

/** The value that the first effect of a key has given it. */
async function once(store: KV, key: string): Promise<string> {
  count += 1;
  await store.create(key, `value ${count}`).catch(() => undefined);
  return (await store.get(key))?.string() ?? "";
}
