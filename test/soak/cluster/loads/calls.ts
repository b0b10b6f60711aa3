/**
 * C4  Every call that was accepted for later runs, and has its result; a key that is sent again makes no second call.
 * C5  A counter of a function loses no write that its caller saw answered, and counts no call twice.
 */
import { pushBuild } from "../../../../control/index.ts";
import { openByteKv } from "../../../../nats/index.ts";
import { eventually } from "../../../harness/eventually.ts";
import { buildSource } from "../../../harness/function-source.ts";
import {
  ask,
  describe,
  effectsBinding,
  effectsOf,
  type Load,
  type LoadOptions,
  NOTE,
  reasonOf,
  repeat,
  SETTLE_MS,
} from "./load.ts";

const LATER = `${NOTE}
export default {
  async fetch(request, env) {
    const number = await request.text();
    await note(env, "call/" + number + "/" + request.headers.get("async-id"));
    return new Response("did " + number);
  },
};`;
const PAUSE_MS = 300;

export function createCallLoad(options: LoadOptions): Load {
  const { places, tally } = options;
  const locations: string[] = [];
  const submit = async (number: number) => {
    const headers = { prefer: "respond-async", "idempotency-key": `key-${number}` };
    const sentAt = performance.now();
    await eventually(
      async () => {
        const init = { method: "POST", body: String(number), headers };
        const answer = await ask(options, number % 3, "/later", init);
        if (answer.status !== 202) throw new Error(`call ${number}: ${describe(answer)}`);
        locations[number] = answer.headers.get("location") ?? "";
      },
      { timeoutMs: SETTLE_MS },
    ).catch((error) => tally.fault(reasonOf(error)));
    tally.took("call", sentAt);
  };
  return {
    async prepare() {
      await pushBuild(places.connection, await buildSource("later", LATER, { bindings: [effectsBinding] }));
    },
    run: (signal) => repeat(signal, PAUSE_MS, submit),
    async check() {
      for (const [number, location] of locations.entries()) {
        await eventually(
          async () => {
            const answer = await ask(options, number % 3, location, { headers: { prefer: "wait=20" } });
            if (answer.status !== 200 || answer.text !== `did ${number}`)
              throw new Error(`the result of call ${number}: ${describe(answer)}`);
          },
          { timeoutMs: SETTLE_MS },
        ).catch((error) => tally.fault(reasonOf(error)));
      }
      const ran = (await effectsOf(places, "call/")).map((key) => key.split("/")[0]);
      const twice = ran.filter((number, at) => ran.indexOf(number) !== at);
      if (twice.length > 0) tally.fault(`calls of one key ran as two: ${twice.join(", ")}`);
    },
  };
}

const COUNTER = `export default {
  async fetch(request, env) {
    const key = new URL(request.url).pathname.split("/").at(-1);
    for (;;) {
      const entry = await env.COUNTS.entry(key);
      const next = Number(entry?.text() ?? 0) + 1;
      try {
        await env.COUNTS.put(key, String(next), { ifRevision: entry?.revision ?? 0 });
        return new Response(String(next));
      } catch (error) {
        if (error.name !== "KvConflictError") throw error;
      }
    }
  },
};`;

export function createCounterLoad({ places, tally }: LoadOptions): Load {
  const counted = places.urls.map(() => ({ sent: 0, seen: [] as number[] }));
  /** A POST is not idempotent: no client repeats it, and neither may narun. */
  const count = async (place: number) => {
    const counter = counted[place];
    if (counter === undefined) return;
    counter.sent += 1;
    const sentAt = performance.now();
    try {
      const init = { method: "POST", signal: AbortSignal.timeout(SETTLE_MS) };
      const answer = await fetch(`${places.urls[place]}/counter/${place}`, init);
      const text = await answer.text();
      if (answer.status === 200) counter.seen.push(Number(text));
      else tally.count(`counts refused (${(JSON.parse(text) as { code: string }).code})`);
    } catch (error) {
      tally.count(`counts lost (${reasonOf(error)})`);
    }
    tally.took("count", sentAt);
  };
  return {
    async prepare() {
      const config = { bindings: [{ name: "COUNTS", kv: "counts" }], scale: { min: 1 } };
      await pushBuild(places.connection, await buildSource("counter", COUNTER, config));
    },
    async run(signal) {
      await Promise.all(places.urls.map((_, place) => repeat(signal, PAUSE_MS, () => count(place))));
    },
    async check() {
      const kv = openByteKv(places.connection, "counts");
      for (const [place, { sent, seen }] of counted.entries()) {
        const entry = await kv.get(String(place));
        const stored = Number(Buffer.from(entry?.bytes ?? []).toString());
        if (new Set(seen).size !== seen.length) tally.fault(`counter ${place} gave a number twice`);
        if (stored < Math.max(seen.length, ...seen))
          tally.fault(`counter ${place} is ${stored} after ${seen.length} answers, the last ${seen.at(-1)}`);
        if (stored > sent) tally.fault(`counter ${place} is ${stored} after ${sent} requests`);
      }
    },
  };
}
