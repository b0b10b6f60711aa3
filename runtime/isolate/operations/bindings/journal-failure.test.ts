import { expect, it } from "vitest";
import { NarunError } from "../../../../contracts/index.ts";
import { connectNats, Journals } from "../../../../nats/index.ts";
import { startTestNats } from "../../../../test/harness/nats.ts";
import type { CallContext } from "../../process/host-calls.ts";
import { tellingAway } from "./journal-failure.ts";

const CONTEXT = {} as CallContext;
const NAME = { workflow: "orders", id: "one" };

it("tells code that the journals do not answer, while NATS is away", async () => {
  const server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  try {
    const journals = new Journals(nats);
    await journals.send(NAME, { t: "start" }, true);
    const operations = tellingAway({
      last: async () => String(await journals.last(NAME)),
      load: async () => String((await journals.read(NAME)).length),
      send: async () => String(await journals.send(NAME, { t: "cancel", id: "c" })),
      append: async () => String(await journals.append(NAME, "{}", 0)),
    });
    expect(await operations.load?.([], CONTEXT)).toBe("1");
    await server.close();
    const away = { name: "NATS_JETSTREAM_UNAVAILABLE" };
    const failures = Object.entries(operations).map(async ([name, work]) =>
      expect(work([], CONTEXT), name).rejects.toMatchObject(away),
    );
    await Promise.all(failures);
  } finally {
    await nats.close();
  }
}, 60_000);

it("leaves other failures as they are", async () => {
  const minority = new NarunError("NATS_NO_MAJORITY", { detail: "1 of 3 servers are there" });
  const operations = tellingAway({ one: () => Promise.reject(minority), two: () => undefined });
  await expect(operations.one?.([], CONTEXT)).rejects.toBe(minority);
  expect(operations.two?.([], CONTEXT)).toBe(undefined);
});
