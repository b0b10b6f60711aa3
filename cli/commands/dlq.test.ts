/** `narun dlq`, on letters that are there. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHeaders } from "../../contracts/index.ts";
import { connectNats, type Nats, openDeadLetters } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun } from "../testing/narun.ts";

let server: TestNats;
let nats: Nats;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
  await (await jetstreamManager(nats.connection)).streams.add({ name: "ORDERS", subjects: ["orders.>"] });
  const letters = await openDeadLetters(nats);
  for (const [sequence, subject, message] of [
    [1, "orders.a", "timeout of the database"],
    [2, "orders.b", "no such product"],
  ] as const)
    await letters.write(
      {
        ...{ function: "shop", stream: "ORDERS", subject, sequence, attempts: 5 },
        ...{ storedAt: "2026-11-30T00:00:00.000Z", diedAt: new Date().toISOString() },
        error: { message, stack: `Error: ${message}\n    at queue (index.ts:3:9)` },
      },
      createHeaders([["X-Mine", "1"]]),
      Buffer.from(`order ${sequence}`),
    );
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

const dlq = (...args: string[]) => narun(["dlq", ...args], { env: { NARUN_NATS_URL: server.url } });
const listed = async (...args: string[]) => JSON.parse((await dlq("ls", "--json", ...args)).stdout);

test("letters are listed, shown, sent back and deleted", async () => {
  const table = await dlq("ls");
  expect(table.stdout).toMatch(/1 +shop +orders\.a .*timeout of the database/);
  expect(await listed("--error", "timeout", "--since", "1h")).toMatchObject([
    { id: 1, function: "shop", stream: "ORDERS", subject: "orders.a", sequence: 1, attempts: 5 },
  ]);
  const shown = await dlq("show", "2");
  for (const part of ["no such product", "index.ts:3:9", "X-Mine: 1", "order 2"])
    expect(shown.stdout).toContain(part);
  const whole = await dlq("redrive");
  expect([whole.code, whole.stderr]).toEqual([2, expect.stringContaining("--all")]);
  const dry = await dlq("redrive", "--function", "shop", "--dry-run", "--json");
  expect(JSON.parse(dry.stdout).length).toBe(2);
  expect(JSON.parse((await dlq("redrive", "1", "--json")).stdout)).toEqual({ redriven: 1, failed: [] });
  const gone = await dlq("show", "1", "--json");
  expect([gone.code, JSON.parse(gone.stderr).error.code]).toEqual([1, "DEAD_LETTER_NOT_FOUND"]);
  expect((await dlq("purge", "--all")).stdout).toContain("1 deleted");
  expect(await listed()).toEqual([]);
}, 120_000);
