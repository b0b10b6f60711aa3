import { expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import { ensureJournals } from "./ensure-journals.ts";
import { Journals } from "./journal.ts";

it("keeps the rhythm of a timer that is set more often than it fires", async () => {
  await using server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  await ensureJournals(nats);
  const journals = new Journals(nats);
  const name = { workflow: "~", id: "sweep" };
  const setAndCount = async (count: number) => {
    await journals.setRhythm(name, 1, { t: "sweep" });
    expect((await journals.read(name)).filter(({ kind }) => kind === "in")).toHaveLength(count);
  };
  await eventually(() => setAndCount(1), { timeoutMs: 20_000 });
  await eventually(() => setAndCount(2), { timeoutMs: 20_000 });
  // Another period takes its place.
  await journals.setRhythm(name, 3_600, { t: "sweep" });
  const { headers } = (await journals.lastOf("narun.w.~.sweep.at")) ?? {};
  expect(headers?.get("Nats-Schedule")).toEqual(["@every 3600s"]);
  await nats.close();
});
