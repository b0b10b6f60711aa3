/** `narun up --listen`: nothing is open by default, and off loopback only logins over TLS are taken. */
import { createServer } from "node:net";
import os from "node:os";
import { pino } from "pino";
import { expect, inject, it } from "vitest";
import { readNetwork } from "../../cli/network/network-facts.ts";
import { FREE_PORTS, type Narun, narun, startNarun } from "../../cli/testing/narun.ts";
import { createWorkFolder } from "../../cli/testing/work-folder.ts";
import { listen } from "../../machine/index.ts";
import { connectNats, type NatsLogin, systemLogin } from "../../nats/index.ts";
import { startNatsServer } from "../../nats-server/index.ts";

const external = Object.values(os.networkInterfaces())
  .flat()
  .find((one) => one?.family === "IPv4" && !one.internal)?.address;

async function close(up: Narun): Promise<void> {
  up.kill("SIGTERM");
  await up.ended;
  await up[Symbol.asyncDispose]();
}

const connect = (url: string, login: NatsLogin = {}) =>
  connectNats({ url, login, worldId: "none", name: "test", connectTimeoutMs: 10_000 });

/** How long handshakes and logins may take at a server, in seconds. */
async function limitsOf(data: string, url: string) {
  const facts = readNetwork(data);
  if (facts === undefined) throw new Error("no network");
  const system = await connect(url, { creds: systemLogin(facts.keys, 60_000), ca: facts.authority.cert });
  const reply = await system.request("$SYS.REQ.SERVER.PING.VARZ", "", { timeoutMs: 10_000 });
  await system.close();
  const { tls_timeout, auth_timeout } = JSON.parse(reply.text()).data;
  return { tls_timeout, auth_timeout };
}

it("takes logins over TLS alone at an address of other machines, says so, and doctor sees it", async (context) => {
  if (external === undefined) return context.skip("this machine has no address of its own");
  await using folder = await createWorkFolder();
  const data = folder.path("data");
  const up = startNarun(["up", ...FREE_PORTS, "--data-dir", data, "--listen", external], {
    limitMs: 120_000,
  });
  try {
    const [, url = ""] = await up.shows(new RegExp(`(tls://${RegExp.escape(external)}:\\d+)`));
    await up.shows(/open {3} {2}other machines reach nats \(logins, over TLS\)\n/);
    await up.shows(/http {3} {2}http:\/\/127\.0\.0\.1:/);
    const ca = { file: `${data}/network/ca.pem` };
    await expect(connect(url, { ca })).rejects.toMatchObject({ code: "NATS_LOGIN_REFUSED" });
    await expect(connect(url)).rejects.toMatchObject({ code: "NATS_TLS_FAILED" });
    const login = { creds: { file: `${data}/network/logins/cli.creds` }, ca };
    await (await connect(url, login)).close();
    expect(await limitsOf(data, url)).toEqual({ tls_timeout: 10, auth_timeout: 11 });
    // It is there, and nowhere else.
    await expect(connect(url.replace(external, "127.0.0.1"), login)).rejects.toMatchObject({
      code: "NATS_UNREACHABLE",
    });
    const files = ["--creds", `${data}/network/logins/cli.creds`, "--tls-ca", `${data}/network/ca.pem`];
    const { stdout } = await narun(["doctor", "--json", "--nats", url, ...files], { limitMs: 60_000 });
    const found = JSON.parse(stdout).find(
      ({ check }: { check: string }) => check === "NATS takes no strangers",
    );
    expect(found).toMatchObject({ ok: true, found: "it wants a login" });
  } finally {
    await close(up);
  }
}, 180_000);

it("doctor tells of a server that takes strangers of other machines", async (context) => {
  if (external === undefined) return context.skip("this machine has no address of its own");
  await using folder = await createWorkFolder();
  const log = pino({ level: "silent" });
  const server = await startNatsServer({
    binary: inject("natsServer"),
    host: external,
    dataDir: folder.dir,
    log,
  });
  try {
    const { stdout, code } = await narun(["doctor", "--json", "--nats", server.url], { limitMs: 60_000 });
    const found = JSON.parse(stdout).find(
      ({ check }: { check: string }) => check === "NATS takes no strangers",
    );
    expect(found).toMatchObject({ ok: false, found: expect.stringContaining("takes everyone") });
    expect(code).toBe(1);
  } finally {
    await server.close();
  }
}, 60_000);

it("stays open to this machine at any address of loopback, and on no other", async (context) => {
  const probe = createServer();
  const hasMore = await listen(probe, { host: "127.0.0.2", port: 0 }, "probe").then(
    () => true,
    () => false,
  );
  probe.close();
  if (!hasMore) return context.skip("this machine has one address of loopback");
  await using folder = await createWorkFolder();
  const up = startNarun(["up", ...FREE_PORTS, "--data-dir", folder.path("data"), "--listen", "127.0.0.2"], {
    limitMs: 120_000,
  });
  try {
    const [, url = ""] = await up.shows(/(nats:\/\/127\.0\.0\.2:\d+)/);
    await (await connect(url)).close();
    expect(up.stdout).not.toContain("other machines");
    if (external !== undefined)
      await expect(connect(url.replace("127.0.0.2", external))).rejects.toMatchObject({
        code: "NATS_UNREACHABLE",
      });
  } finally {
    await close(up);
  }
}, 150_000);
