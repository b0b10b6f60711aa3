/** An app of several routes with a validated body, a cookie and two reads of a KV bucket. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { buildFunction } from "../../builder/index.ts";
import type { Bench } from "../frame/bench.ts";
import type { Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { type LoadOptions, load } from "../load.ts";
import { startWorkerd, WORKERD_ABSENT } from "../peers/workerd.ts";
import { startSystem } from "../system.ts";

const orders = folderOf(new URL("../apps/orders/index.ts", import.meta.url));
const inMemory = folderOf(new URL("../apps/orders-in-memory/index.ts", import.meta.url));

const rows = () => ({
  app: {
    name: "Hono app, two KV reads (workerd: a Map)",
    unit: "requests/s",
    targets: [{ atLeast: 1.2, of: "workerd" }],
  },
});

export const app: Section = { rows, measure, needs: ["wrk"] };

const REQUEST = {
  connections: 32,
  body: JSON.stringify({ article: "pencil", count: 12, note: "the blue box, please" }),
  headers: { "Content-Type": "application/json", Cookie: "theme=dark; session=4bf92f35" },
} satisfies Partial<LoadOptions>;

async function measure(bench: Bench): Promise<void> {
  const seconds = bench.loadSeconds;
  bench.heading(
    `an app of 20 routes, ${REQUEST.connections} connections, ${bench.rounds} rounds of ${seconds} s`,
  );
  await using stack = new AsyncDisposableStack();
  const servers = new Map<string, { http: string }>();
  for (const [name, root] of Object.entries(bench.roots))
    servers.set(name, stack.use(await startSystem([orders], { root })));
  const { bundle } = await buildFunction(inMemory, { write: false });
  const workerd = await startWorkerd(new TextDecoder().decode(bundle));
  if (workerd === undefined) bench.skipPeer("workerd", WORKERD_ABSENT);
  else servers.set("workerd", stack.use(workerd));
  const urlOf = (http: string) => `${http}/orders/carts/7/items`;
  for (const { http } of servers.values()) {
    await seed(http);
    await load({ ...REQUEST, url: urlOf(http), seconds: bench.warmUpSeconds });
  }
  const measureAt = (http: string) => async (): Promise<Sample> => {
    const result = await load({ ...REQUEST, url: urlOf(http), seconds });
    return { value: result.requestsPerSecond, errors: result.errors };
  };
  const systems = [...servers].map(([name, { http }]) => [name, measureAt(http)]);
  await bench.takeTurns(rows().app, Object.fromEntries(systems));
}

/** Writes the entries that the measured requests read. */
async function seed(http: string): Promise<void> {
  const { status } = await fetch(`${http}/orders/seed`, { method: "PUT" });
  if (status !== 204) throw new Error(`${http}/orders/seed: status ${status}`);
}

function folderOf(entry: URL): string {
  return dirname(fileURLToPath(entry));
}
