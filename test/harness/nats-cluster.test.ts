import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { connectNats } from "../../nats/index.ts";
import { eventually } from "./eventually.ts";
import { startNatsCluster } from "./nats-cluster.ts";

it("a server whose port another process has for a moment runs later, and its end waits for nothing", async () => {
  await using cluster = await startNatsCluster({ begin: 0 });
  const port = Number(cluster.hosts.get("n0")?.split(":")[1]);
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  cluster.start("n0");
  cluster.start("n1");
  const connect = (name: string) => connectNats({ url: cluster.url(name), worldId: "none", name: "test" });
  await eventually(async () => (await connect("n1")).close(), { timeoutMs: 30_000 });
  other.close();
  const nats = await eventually(() => connect("n0"), { timeoutMs: 30_000 });
  expect(nats.url).toContain(String(port));
  await nats.close();
}, 90_000);
