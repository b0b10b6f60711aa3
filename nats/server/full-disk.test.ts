import { pino } from "pino";
import { expect, inject, test } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { canMountDisk, mountSmallDisk } from "../../test/harness/small-disk.ts";
import { openByteKv } from "../byte-kv.ts";
import { connectNats } from "../connection.ts";
import { findStuckStreams } from "../storage-check.ts";
import { openSpecs } from "../stores.ts";
import { decidePauseMs } from "./full-disk.ts";
import { startNatsServer } from "./start.ts";

/** A write to a server that is being restarted takes its whole time. */
const SLOW = { timeoutMs: 30_000 };

test.runIf(await canMountDisk())(
  "a server whose disk was full takes writes again when there is room",
  async () => {
    await using disk = await mountSmallDisk(60);
    const server = await startNatsServer({
      binary: inject("natsServer"),
      dataDir: disk.dir,
      log: pino({ level: "silent" }),
    });
    const nats = await connectNats({ url: server.url, name: "test" });
    const { pid } = server;
    try {
      const kv = openByteKv(nats, "bucket");
      const write = () => kv.put("key", new Uint8Array(100_000));
      expect(await write()).toMatchObject({ ok: true });
      await openSpecs(nats);
      expect(await findStuckStreams(nats, ["KV_bucket"])).toEqual([]);

      const makeRoom = disk.fill();
      await expect(write()).rejects.toThrow();
      expect(await findStuckStreams(nats, ["KV_bucket", "KV_never-made"])).toEqual([
        { stream: "KV_bucket", reason: expect.stringContaining("no space left on device") },
      ]);
      expect(server.pid).toBe(pid);

      makeRoom();
      await eventually(() => {
        expect(server.pid).toBeTypeOf("number");
        expect(server.pid).not.toBe(pid);
      }, SLOW);
      await eventually(async () => expect(await write()).toMatchObject({ ok: true }), SLOW);
      expect(await findStuckStreams(nats, ["KV_bucket"])).toEqual([]);
    } finally {
      await nats.close();
      await server.close();
    }
  },
  60_000,
);

test("restarts that do not help wait longer and longer", () => {
  expect([1, 2, 3, 6, 7, 20].map(decidePauseMs)).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
});
