/** More functions than can be pushed at once. */
import { expect, test } from "vitest";
import { z } from "zod";
import { subjects } from "../../contracts/index.ts";
import { connectNats, type Nats } from "../../nats/index.ts";
import { countConsumers } from "../../test/harness/consumers.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { PUSHES_AT_A_TIME } from "../functions/push-all.ts";
import { startNarun } from "../testing/narun.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";

const FUNCTIONS = 60;
const ReadySchema = z.object({ http: z.string(), failed: z.array(z.unknown()) });

test("sixty functions come up, a few at a time; all answer, and no consumer is left", async () => {
  const names = Array.from({ length: FUNCTIONS }, (_, index) => `f${index}`);
  await using folder = await createWorkFolder(
    Object.fromEntries(names.map((name) => [`functions/${name}/index.ts`, answering(name)])),
  );
  await using server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  await using _ = { [Symbol.asyncDispose]: () => nats.close() };
  const start = (...more: string[]) => {
    const free = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    const args = ["up", "--nats", server.url, ...free, "--data-dir", folder.path("data"), "--json", ...more];
    return startNarun(args, { cwd: folder.dir, limitMs: 240_000 });
  };
  const ready = /^\{"http".*\}$/m;

  const empty = start();
  await empty.shows(ready);
  // Of the gateway, which the registry shares, and of the node-runner.
  const without = ["KV_app-configs 2"];
  await eventually(async () => expect(await countConsumers(nats)).toEqual(without));
  empty.kill("SIGTERM");
  await empty.ended;

  const trials = countTrials(nats);
  await using up = start("functions");
  const [line] = await up.shows(ready);
  const { http, failed } = ReadySchema.parse(JSON.parse(line));
  expect(failed).toEqual([]);
  for (const name of names) expect(await (await fetch(`${http}/${name}`)).text()).toBe(name);
  await eventually(async () => expect(await countConsumers(nats)).toEqual(without));
  expect(trials()).toMatchObject({ total: FUNCTIONS, underWay: 0 });
  expect(trials().most).toBeLessThanOrEqual(PUSHES_AT_A_TIME);
}, 240_000);

/** Listens to the requests for trials and to their replies. */
function countTrials(nats: Nats): () => { total: number; underWay: number; most: number } {
  const open = new Set<string>();
  let total = 0;
  let most = 0;
  nats.connection.subscribe(nats.world.toWire(subjects.trial("*")), {
    callback: (_, { reply }) => {
      if (reply === undefined) return;
      total += 1;
      open.add(reply);
      most = Math.max(most, open.size);
    },
  });
  nats.connection.subscribe("_INBOX.>", { callback: (_, { subject }) => void open.delete(subject) });
  return () => ({ total, underWay: open.size, most });
}
