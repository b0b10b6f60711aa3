/** A nats-server with a full disk, which gets room again. */
import { pino } from "pino";
import { expect, inject, test } from "vitest";
import { connectNats, openSpecs } from "../../nats/index.ts";
import { startNatsServer } from "../../nats-server/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { canMountDisk, mountSmallDisk } from "../../test/harness/small-disk.ts";
import { narun, startNarun } from "../testing/narun.ts";

/** How long the gateway may take to check again and to reconnect. */
const SLOW = { timeoutMs: 30_000 };

test.runIf(await canMountDisk())(
  "doctor and the gateway's /readyz name the streams that refuse writes, until they do not; /healthz stays well",
  async () => {
    await using disk = await mountSmallDisk(60);
    const server = await startNatsServer({
      binary: inject("natsServer"),
      dataDir: disk.dir,
      log: pino({ level: "silent" }),
    });
    await using _ = { [Symbol.asyncDispose]: () => server.close() };
    const nats = await connectNats({ url: server.url, name: "test" });
    await using __ = { [Symbol.asyncDispose]: () => nats.close() };
    await openSpecs(nats);
    const at = ["--json", "--nats", server.url];
    const ports = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    await using gateway = startNarun([
      "gateway",
      "--log-level",
      "warn",
      "--lame-duck",
      "0s",
      ...ports,
      ...at,
    ]);
    const { metrics } = JSON.parse((await gateway.shows(/^\{.*\}$/m))[0]);
    const readyz = async () => {
      const response = await fetch(`${metrics}/readyz`);
      return [response.status, await response.text()];
    };
    const storage = async () => {
      const checks: { check: string }[] = JSON.parse((await narun(["doctor", ...at])).stdout);
      return checks.find(({ check }) => check === "NATS stores what is written");
    };
    expect(await readyz()).toEqual([200, "ok\n"]);
    expect(await storage()).toMatchObject({ ok: true, found: "no stream refuses writes" });

    const makeRoom = disk.fill();
    const write = nats.request("$KV.app-configs.x", "x".repeat(100_000), { timeoutMs: 1_000 });
    await expect(write).rejects.toThrow();
    const stuck = expect.stringMatching(/KV_app-configs.*no space left on device/);
    await eventually(async () => expect(await readyz()).toEqual([503, stuck]), SLOW);
    expect(await storage()).toMatchObject({ ok: false, found: stuck, fix: expect.stringMatching(/restart/) });
    expect((await fetch(`${metrics}/healthz`)).status).toBe(200);

    makeRoom();
    await eventually(async () => expect(await readyz()).toEqual([200, "ok\n"]), SLOW);
    expect(await storage()).toMatchObject({ ok: true });
  },
  60_000,
);
