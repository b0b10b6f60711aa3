/** The files of a network: their modes, and their renewal while a server runs. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { expect, inject, it } from "vitest";
import { openNetwork } from "../../cli/network/network-folder.ts";
import { createWorkFolder } from "../../cli/testing/work-folder.ts";
import { connectNats } from "../../nats/index.ts";
import { startNatsServer } from "../../nats-server/index.ts";
import { eventually } from "../harness/eventually.ts";
import { shownCertificate } from "./shown-certificate.ts";

const DAY_MS = 24 * 3_600_000;

it("keeps its keys to their user, and shows a renewed certificate without a lost connection", async () => {
  await using folder = await createWorkFolder();
  const network = await openNetwork(folder.dir, ["127.0.0.1"]);
  for (const file of await readdir(folder.path("network"), { recursive: true, withFileTypes: true })) {
    const { mode } = await stat(join(file.parentPath, file.name));
    if (file.isFile() && file.name !== ".gitignore")
      expect([file.name, mode & 0o077]).toEqual([file.name, 0]);
  }
  const server = await startNatsServer({
    ...{ binary: inject("natsServer"), dataDir: folder.dir, log: pino({ level: "silent" }) },
    access: () => network.access(),
  });
  try {
    const nats = await connectNats({ url: server.url, login: network.login("cli"), name: "test" });
    const states: string[] = [];
    nats.onState((state) => states.push(state));
    const { ca } = network.login("cli");
    const stranger = connectNats({
      url: server.url,
      login: ca === undefined ? {} : { ca },
      name: "stranger",
    });
    await expect(stranger).rejects.toMatchObject({ code: "NATS_LOGIN_REFUSED" });

    const before = await shownCertificate(server);
    expect(await network.renew()).toBe(false);
    // 31 days are left of 90 first, then 29.
    expect(await network.renew(Date.now() + 59 * DAY_MS)).toBe(false);
    expect(await network.renew(Date.now() + 61 * DAY_MS)).toBe(true);
    await server.reload();
    await eventually(async () => expect(await shownCertificate(server)).not.toBe(before));
    await nats.flush();
    expect(states).toEqual([]);
    await nats.close();
  } finally {
    await server.close();
  }
});
