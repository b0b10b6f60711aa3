/** The work of a client while leaders are elected, and the streams whose leaders the work needs. */
import { pushBuild } from "../../../control/index.ts";
import { type Events, openByteKv, openEvents } from "../../../nats/index.ts";
import { eventually } from "../../harness/eventually.ts";
import { buildSource } from "../../harness/function-source.ts";
import type { Places } from "../cluster/places.ts";

export interface Operation {
  readonly name: string;
  readonly streams: readonly string[];
  prepare(): Promise<void>;
  /** Does it once. Rejects where it is refused. */
  work(number: number): Promise<void>;
}

const ANSWER_MS = 60_000;
const versionOf = (number: number) => `export default () => new Response("version ${number}");`;
const LATER = `export default { async fetch() { return new Response("done"); } };`;
const FLOW = `import { workflow } from "narun";
export default workflow(async (ctx, input) => ctx.step("one", () => input.n));`;

export function operationsOf(places: Places): Operation[] {
  const { connection, urls } = places;
  let events: Events | undefined;
  const push = async (name: string, text: string, config: Record<string, unknown>) => {
    await pushBuild(connection, await buildSource(name, text, config));
  };
  const post = async (number: number, path: string, init: RequestInit) => {
    const url = `${urls[number % urls.length]}${path}`;
    const answer = await fetch(url, { method: "POST", ...init, signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.status !== 202 && answer.status !== 200)
      throw new Error(`${answer.status} ${(await answer.text()).slice(0, 200)}`);
  };
  const bucket = openByteKv(connection, "measured");
  return [
    {
      name: "push",
      streams: ["KV_app-configs", "KV_narun-revisions", "OBJ_app-binaries", "KV_node-runner-states"],
      prepare: () => push("versioned", versionOf(0), { scale: { min: 1 } }),
      work: (number) => push("versioned", versionOf(number), { scale: { min: 1 } }),
    },
    {
      name: "live",
      streams: ["KV_app-configs", "KV_narun-revisions", "OBJ_app-binaries", "KV_node-runner-states"],
      prepare: () => push("lively", versionOf(0), { scale: { min: 1 } }),
      async work(number) {
        await push("lively", versionOf(number), { scale: { min: 1 } });
        for (const url of urls)
          await eventually(
            async () => {
              const text = await (await fetch(`${url}/lively`)).text();
              if (text !== `version ${number}`) throw new Error(`${url}: ${text}`);
            },
            { timeoutMs: ANSWER_MS },
          );
      },
    },
    {
      name: "put",
      streams: ["KV_measured"],
      prepare: () => bucket.make(),
      work: async (number) => void (await bucket.put("key", Buffer.from(String(number)))),
    },
    {
      name: "event",
      streams: ["narun-events"],
      async prepare() {
        events = await openEvents(connection);
      },
      work: async (number) => void (await events?.publish({ subject: "facts.one", data: String(number) })),
    },
    {
      name: "workflow",
      streams: ["narun-workflows"],
      prepare: () => push("flow", FLOW, { workflow: true }),
      work: (number) =>
        post(number, `/flow/n${number}`, {
          body: JSON.stringify({ n: number }),
          headers: { "content-type": "application/json" },
        }),
    },
    {
      name: "call",
      streams: ["narun-calls", "KV_narun-call-records", "KV_narun-call-keys"],
      async prepare() {
        await push("later", LATER, {});
        for (const at of urls.keys()) await post(at, "/later", { headers: { prefer: "respond-async" } });
      },
      work: (number) =>
        post(number, "/later", { headers: { prefer: "respond-async", "idempotency-key": `key-${number}` } }),
    },
  ];
}
