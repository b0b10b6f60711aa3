import { randomBytes } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { FunctionConfigSchema, type LogLine, NarunError, placeOfLine } from "../../contracts/index.ts";
import { createSealer, type LabelKey } from "../../keys/index.ts";
import { createFunctionLog } from "./function-logs.ts";

const LABEL = "payments";
const KEY: LabelKey = { label: LABEL, kid: `${LABEL}.one`, bytes: new Uint8Array(randomBytes(32)) };

/** The log of an instance, with the key that `current` gives. */
function open({ current = async () => KEY, logBytesPerSecond = 8 * 1_048_576 } = {}) {
  const published: LogLine[] = [];
  const sealer = createSealer({ current, byId: async () => KEY });
  const logs = { seal: LABEL };
  const config = FunctionConfigSchema.parse({
    ...{ name: "shop", routes: [], logs },
    limits: { logBytesPerSecond },
  });
  const nats = {
    world: { id: "w" },
    publish: (_subject: string, data: unknown) => void published.push(JSON.parse(String(data))),
  };
  const log = createFunctionLog({
    ...{ nats, node: "n1", instance: "i1", revision: "r1", config, sealer },
    traceIdOf: () => "ab".repeat(16),
  });
  const textOf = (line: LogLine) => sealer.openText(LABEL, line.sealed ?? "", placeOfLine(line));
  return { log, published, textOf };
}

describe("a sealed log", () => {
  it("has its texts sealed in their order, and the facts of narun in clear", async () => {
    const { log, published, textOf } = open();
    const texts = Array.from({ length: 300 }, (_, at) => `card ${at}`);
    for (const text of texts) log.write("warn", text, "q1");
    // The turn that writes does not seal.
    expect(published).toEqual([]);
    await log.close();
    expect(await Promise.all(published.map(textOf))).toEqual(texts);
    expect(published.map(({ number }) => number)).toEqual(texts.map((_, at) => at + 1));
    expect(JSON.stringify(published)).not.toContain("card");
    expect(published[0]).toMatchObject({
      ...{ level: "warn", stream: "stderr", app_name: "shop", instance_id: "i1", request_id: "q1" },
      message: "(sealed for payments)",
    });
  });

  it("opens no line that was moved to another function, instance, place or time, or has other facts", async () => {
    const { log, published, textOf } = open();
    log.write("error", "card 1", "q1");
    log.write("error", "card 2", "q1");
    await log.close();
    const [one, two] = published as [LogLine, LogLine];
    const changes: Partial<LogLine>[] = [
      ...[
        { app_name: "other" },
        { instance_id: "i2" },
        { node_id: "n2" },
        { revision: "r2" },
        { world: "v" },
      ],
      ...[
        { level: "info" as const },
        { stream: "stdout" as const },
        { timestamp: new Date(0).toISOString() },
      ],
      ...[{ request_id: "q2" }, { trace_id: "cd".repeat(16) }, { number: 2 }, { sealed: two.sealed }],
    ];
    for (const change of changes)
      await expect(textOf({ ...one, ...change }), JSON.stringify(change)).rejects.toMatchObject({
        code: "SEAL_MOVED",
      });
    expect(await textOf(one)).toBe("card 1");
  });

  it("drops lines that it cannot seal, and tells how many and why, without a word of them", async () => {
    let isRevoked = true;
    let asked = 0;
    const { log, published, textOf } = open({
      async current() {
        asked += 1;
        if (isRevoked) throw new NarunError("LABEL_NOT_GRANTED", { detail: "secret" });
        return KEY;
      },
    });
    for (let at = 0; at < 10; at += 1) log.write("info", "card", "q1");
    await vi.waitFor(() => expect(asked).toBe(1));
    isRevoked = false;
    log.write("info", "again", undefined);
    await log.close();
    const [again, told] = published as [LogLine, LogLine];
    expect(published).toHaveLength(2);
    expect(await textOf(again)).toBe("again");
    expect(again.number).toBe(1);
    expect(told).not.toHaveProperty("sealed");
    expect(told).not.toHaveProperty("request_id");
    expect(told.message).toBe(
      "LOG_NOT_SEALED: 10 log lines of 40 bytes were dropped: they could not be sealed for payments: LABEL_NOT_GRANTED",
    );
  });

  it("keeps a bounded number of lines for a key that does not come, and ends all the same", async () => {
    const { log, published } = open({ current: () => new Promise(() => undefined) });
    const piece = "x".repeat(60_000);
    for (let at = 0; at < 100; at += 1) log.write("info", piece, undefined);
    await log.close();
    const told = published.map(({ message }) => /^LOG_NOT_SEALED: (\d+) log lines of/.exec(message)?.[1]);
    expect(told.map(Number).reduce((sum, count) => sum + count)).toBe(100);
  });

  it("has its limit told as a line of its own, sealed as the others", async () => {
    const { log, published, textOf } = open({ logBytesPerSecond: 1_024 });
    for (let at = 0; at < 20; at += 1) log.write("info", `card ${at}`, undefined);
    await log.close();
    const texts = await Promise.all(published.map(textOf));
    expect(texts.at(-1)).toMatch(/^LOG_LIMIT: 1\d log lines of \d+ bytes were dropped/);
    expect(texts).toHaveLength(8);
  });

  it("is none without keys: nothing is logged in clear instead", () => {
    const config = FunctionConfigSchema.parse({ name: "shop", routes: [], logs: { seal: LABEL } });
    const nats = { world: { id: "w" }, publish: () => undefined };
    expect(() => createFunctionLog({ nats, node: "n1", instance: "i1", revision: "r1", config })).toThrow(
      /KEYS_MISSING|key file/,
    );
  });
});
