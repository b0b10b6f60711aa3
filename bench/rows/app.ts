/** An app of several routes with a validated body, a cookie and two reads of a KV bucket. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { buildFunction } from "../../builder/index.ts";
import { type Bench, NO_TARGET } from "../frame/bench.ts";
import { OURS, type Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { type LoadOptions, load } from "../load.ts";
import { startWorkerd, WORKERD_ABSENT } from "../peers/workerd.ts";
import { startSystem } from "../system.ts";

const orders = folderOf(new URL("../apps/orders/index.ts", import.meta.url));
const strong = folderOf(new URL("../apps/orders-strong/index.ts", import.meta.url));
const inMemory = folderOf(new URL("../apps/orders-in-memory/index.ts", import.meta.url));

const rows = () => ({
  app: {
    name: "Hono app, two KV reads with cacheTtl 60 (workerd: a Map)",
    unit: "requests/s",
    targets: [{ atLeast: 1.2, of: "workerd" }],
  },
  strong: {
    name: "Hono app, two KV reads from NATS each time (workerd: a Map)",
    unit: "requests/s",
    targets: [],
  },
});

export const app: Section = { rows, measure, needs: ["wrk"] };

const REQUEST = {
  connections: 32,
  body: JSON.stringify({ article: "pencil", count: 12, note: "the blue box, please" }),
  headers: { "Content-Type": "application/json", Cookie: "theme=dark; session=4bf92f35" },
} satisfies Partial<LoadOptions>;

async function measure(bench: Bench): Promise<void> {
  const seconds = bench.size(4, 0.4);
  bench.heading(
    `an app of 20 routes, ${REQUEST.connections} connections, ${bench.rounds} rounds of ${seconds} s`,
  );
  await using stack = new AsyncDisposableStack();
  const measureAt = async (http: string, name: string) => {
    await seed(`${http}/${name}`);
    const url = `${http}/${name}/carts/7/items`;
    await load({ ...REQUEST, url, seconds: bench.warmUpSeconds });
    return async (): Promise<Sample> => {
      const result = await load({ ...REQUEST, url, seconds });
      return { value: result.requestsPerSecond, errors: result.errors };
    };
  };
  const cached: Record<string, () => Promise<Sample>> = {};
  const always: Record<string, () => Promise<Sample>> = {};
  for (const [name, root] of Object.entries(bench.roots)) {
    const isOurs = name === OURS;
    const isStrongMeasured = !(isOurs && bench.isQuick);
    // A checkout beside this one may have no `cacheTtl`.
    const folders = [...(isOurs ? [orders] : []), ...(isStrongMeasured ? [strong] : [])];
    const { http } = stack.use(await startSystem(folders, { root }));
    if (isStrongMeasured) always[name] = await measureAt(http, "orders-strong");
    const ofCached = isOurs ? await measureAt(http, "orders") : always[name];
    if (ofCached !== undefined) cached[name] = ofCached;
  }
  const { bundle } = await buildFunction(inMemory, { write: false });
  const workerd = await startWorkerd(new TextDecoder().decode(bundle));
  if (workerd === undefined) bench.skipPeer("workerd", WORKERD_ABSENT);
  else {
    cached.workerd = await measureAt(stack.use(workerd).http, "orders");
    always.workerd = cached.workerd;
  }
  await bench.takeTurns(rows().app, cached);
  if (bench.isQuick) bench.skip(rows().strong, NO_TARGET);
  else await bench.takeTurns(rows().strong, always);
}

/** Writes the entries that the measured requests read. */
async function seed(app: string): Promise<void> {
  const { status } = await fetch(`${app}/seed`, { method: "PUT" });
  if (status !== 204) throw new Error(`${app}/seed: status ${status}`);
}

function folderOf(entry: URL): string {
  return dirname(fileURLToPath(entry));
}
