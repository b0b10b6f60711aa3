/** The files of a network: their modes, and their renewal while a server runs. */
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { expect, inject, it } from "vitest";
import { openNetwork } from "../../cli/network/network-folder.ts";
import { createWorkFolder } from "../../cli/testing/work-folder.ts";
import type { NarunError } from "../../contracts/index.ts";
import { makeCertificate } from "../../machine/index.ts";
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

it("names a certificate of another authority, of another name, and one whose time is over", async () => {
  const outcome = async ({
    names = ["127.0.0.1"],
    ca,
    age = 0,
  }: {
    names?: string[];
    ca?: string;
    age?: number;
  }) => {
    await using folder = await createWorkFolder();
    const network = await openNetwork(folder.dir, names);
    if (age > 0) {
      const made = { names, days: 1, now: Date.now() - age, isClient: true };
      const { cert, key } = await makeCertificate(network.facts.authority, made);
      await writeFile(folder.path("network/server-key.pem"), key);
      await writeFile(folder.path("network/server-cert.pem"), cert);
    }
    const server = await startNatsServer({
      ...{ binary: inject("natsServer"), dataDir: folder.dir, log: pino({ level: "silent" }) },
      access: () => network.access(),
    });
    const login = { ...network.keeper(), ...(ca !== undefined && { ca }) };
    try {
      const nats = await connectNats({ url: server.url, login, worldId: "none", name: "test" });
      await nats.close();
      return "connected";
    } catch (error) {
      return `${(error as NarunError).code}: ${(error as NarunError).message}`;
    } finally {
      await server.close();
    }
  };
  expect(await outcome({})).toBe("connected");
  await using stranger = await createWorkFolder();
  const { facts } = await openNetwork(stranger.dir, ["127.0.0.1"]);
  expect(await outcome({ ca: facts.authority.cert })).toMatch(/^NATS_TLS_FAILED: /);
  expect(await outcome({ names: ["elsewhere.example"] })).toMatch(/^NATS_TLS_FAILED: .*127\.0\.0\.1/);
  expect(await outcome({ age: 5 * DAY_MS })).toMatch(/^NATS_TLS_FAILED: .*expired/);
}, 60_000);
