/** Claims of runs whose answers from NATS are lost. */
import { afterAll, expect, it } from "vitest";
import { stores, subjects } from "../../contracts/index.ts";
import {
  connectNats,
  type DueWork,
  openByteObjects,
  openDueQueue,
  openRecords,
  type Records,
} from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { Runs } from "./runs.ts";
import { openRuntara } from "./runtara.ts";
import { Store } from "./store.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());
const server = closers.use(await startTestNats());
const nats = await connectNats({ url: server.url, name: "test" });
closers.defer(() => nats.close());
const runtara = await openRuntara({ nats });
const { records: stream, objects, runs: queueStream } = stores.runtara;
const records = await openRecords(nats, { stream, prefix: subjects.runtaraRecords });
const queue = await openDueQueue(nats, { stream: queueStream, prefix: subjects.runtaraRuns });
const image = await runtara.images.register({
  ...{ tenant: "acme", name: "any", runnerType: "native" },
  bytes: Buffer.from("#!/bin/sh\n"),
});

/** The real records, whose writes are done and answered as `answer` says. */
function recordsThat(answer: () => undefined | Promise<never>): Records {
  const put: Records["put"] = async (...write) => {
    await records.put(...write);
    return answer();
  };
  return new Proxy(records, {
    get(target, name) {
      if (name === "put") return put;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

const runsWith = (with_: Records) =>
  new Runs({ nats, queue, store: new Store(with_, openByteObjects(nats, objects)) });

async function takeOne(instance: string): Promise<DueWork> {
  await runtara.start({ tenant: "acme", instance, image: image.id });
  const stop = new AbortController();
  const { promise, resolve } = Promise.withResolvers<DueWork>();
  const taking = queue.take({
    free: () => 1,
    untilFree: () => promise,
    handle: resolve,
    signal: stop.signal,
  });
  const work = await promise;
  stop.abort();
  await taking;
  return work;
}

it("a claim that was written, and refused when the client repeated it, begins its run", async () => {
  const work = await takeOne("refused");
  const claimed = await runsWith(recordsThat(() => undefined)).claim(work, "node");
  expect(claimed).toMatchObject({ id: "refused", status: "running", run: 1, attempts: 0 });
  await work.done();
});

it("a claim whose answer never came begins the same run at the next try, and is no crash", async () => {
  const work = await takeOne("silent");
  let isLost = true;
  const losing = recordsThat(async () => {
    isLost = false;
    throw new Error("no answer");
  });
  const runs = runsWith(losing);
  await expect(runs.claim(work, "node")).rejects.toThrow("no answer");
  expect(isLost).toBe(false);
  await eventually(async () =>
    expect(await runtara.store.read("silent")).toMatchObject({ status: "running", run: 1 }),
  );
  expect(await runs.claim(work, "node")).toMatchObject({ id: "silent", run: 1, attempts: 0 });
  // A claim of another worker is one after a crash.
  expect(await runsWith(records).claim(work, "other")).toMatchObject({ run: 2, attempts: 1 });
  await work.done();
});
