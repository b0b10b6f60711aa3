import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createHeaders, headerNames, subjects } from "../../contracts/index.ts";
import { type Calls, openByteKv, openCalls, type PulledMessage } from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startWorld, type World } from "../../test/harness/world.ts";
import { createTriggerCalls, type TriggerCalls } from "../call.ts";
import { runCall } from "./run-call.ts";

const WAIT = { timeoutMs: 20_000 };

let world: World;
let triggers: TriggerCalls;
let calls: Calls;

beforeAll(async () => {
  world = await startWorld();
  triggers = createTriggerCalls({ nats: world.connection, log: pino({ level: "silent" }) });
  calls = await openCalls(world.connection);
});
afterAll(async () => {
  triggers.close();
  await world[Symbol.asyncDispose]();
});

/** The message of a call, as its reader hands it over. */
function messageOf(name: string, id: string): PulledMessage {
  const nothing = () => undefined;
  return {
    ...{
      subject: subjects.call(name),
      data: new Uint8Array(),
      ack: nothing,
      giveBack: nothing,
      extend: nothing,
    },
    ...{ sequence: 1, deliveries: 1, storedAt: new Date(), pending: 0 },
    headers: createHeaders([
      [headerNames.call, JSON.stringify({ id, location: `/${name}/${id}` })],
      [headerNames.method, "POST"],
    ]),
  };
}

/** Its first request never ends; the others are answered with the number of their attempt. */
const sourceOf = (name: string) => `
  let requests = 0;
  export default { async fetch(request, env) {
    requests += 1;
    if (requests > 1) return new Response(request.headers.get("async-attempt"));
    await env.SEEN.put("${name}", "");
    await new Promise(() => setTimeout(() => undefined, 600_000));
  } };`;

it.each(["isolate", "node"])(
  "counts no attempt that the end of the node cuts off, in the mode %s",
  async (mode) => {
    const name = `cut-${mode}`;
    await world.push(name, sourceOf(name), { mode, async: true, bindings: [{ name: "SEEN", kv: "seen" }] });
    const dispatch = await triggers.dispatch();
    await eventually(() => expect(dispatch.specOf(name)).toBeDefined(), WAIT);
    const seen = await openByteKv(world.connection, "seen");
    const run = (signal: AbortSignal) =>
      runCall(
        { nats: world.connection, calls, dispatch, maxAttempts: 2 },
        name,
        messageOf(name, `id-${mode}`),
        signal,
      );
    const recordOf = async () => {
      const read = await calls.records.get(`id-${mode}`);
      return read?.ok === true ? read.value : undefined;
    };
    const node = new AbortController();
    const cutOff = run(node.signal);
    await eventually(async () => expect(await seen.get(name)).toBeDefined(), WAIT);
    expect(await recordOf()).toMatchObject({ state: "running", attempts: 1 });
    node.abort();
    expect(await cutOff).toEqual({ kind: "not-begun", code: "CLIENT_GONE" });
    expect(await recordOf()).toMatchObject({ state: "queued", attempts: 0 });

    expect(await run(new AbortController().signal)).toMatchObject({ kind: "answered" });
    const ended = await recordOf();
    expect(ended).toMatchObject({ state: "done", attempts: 1 });
    const { data = "" } = ended?.state === "done" ? ended.reply : {};
    expect(Buffer.from(data, "base64").toString()).toBe("1");
  },
  60_000,
);
