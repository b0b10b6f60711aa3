/** A nats-server that is killed under requests that may not run twice: begun ones fail, others are held. */
import { afterAll, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

/** How long a program takes to come back: clients of NATS wait two seconds between two attempts. */
const MAX_HOLD_MS = 15_000;

const world = await startWorld({ gateway: { hold: { holdMs: MAX_HOLD_MS } } });
afterAll(() => world[Symbol.asyncDispose]());

it("fails what a program had begun, as its reply is lost, and holds what comes meanwhile", async () => {
  const act = `globalThis.runs = (globalThis.runs ?? 0) + 1;
    if (body === "slow") await new Promise((resolve) => setTimeout(resolve, 60_000));
    answer(body + " " + globalThis.runs);`;
  await world.push(
    "steady",
    { "server.mjs": programSource({ act }) },
    { mode: "exec", command: "server.mjs", limits: { timeoutMs: 120_000 } },
  );
  const post = (body: string) => world.call("/steady", { method: "POST", body });
  await post("warm");
  const begun = [post("slow"), post("slow")];
  await eventually(async () => expect(await world.ps("steady")).toMatchObject([{ inFlight: 2 }]));
  await world.nats.kill9();
  const during = [post("during"), post("during")];
  // Far before the request's own time is over: the node is asked as soon as NATS is back.
  for (const answer of await Promise.all(begun))
    expect(answer).toMatchObject({ status: 502, code: "STREAM_BROKEN" });
  const answers = await Promise.all([...during, post("after")]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(answers.map(({ text }) => text).sort()).toEqual(["after 6", "during 4", "during 5"]);
}, 90_000);
