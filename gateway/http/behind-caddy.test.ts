/** Real traffic through a real proxy, as the Caddyfile in docs/operations.md has it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTraffic } from "../../test/harness/traffic.ts";
import type { Gateway } from "../gateway.ts";
import { call } from "../testing/http-client.ts";
import { REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

// Two addresses of one machine stand for two machines. Only Linux has the second address by default.
const hasCaddy = process.platform === "linux" && spawnSync("caddy", ["version"]).status === 0;
const why = hasCaddy ? "" : " (skipped: caddy is not on the PATH)";
const HOSTS = ["127.0.0.1", "127.0.0.2"] as const;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "0.0.0.0");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

interface Caddy extends AsyncDisposable {
  readonly url: string;
}

async function startCaddy(http: number, metrics: number): Promise<Caddy> {
  const folder = await mkdtemp(join(tmpdir(), "narun-caddy-"));
  const port = await freePort();
  const caddyfile = `{
	admin off
	auto_https off
}
http://127.0.0.1:${port} {
	reverse_proxy ${HOSTS.map((host) => `${host}:${http}`).join(" ")} {
		health_uri /healthz
		health_port ${metrics}
		health_interval 100ms
		lb_try_duration 5s
	}
}
`;
  const child = spawn("caddy", ["run", "--adapter", "caddyfile", "--config", "-"], {
    env: { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = once(child, "exit");
  child.stdin.end(caddyfile);
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

describe.skipIf(!hasCaddy)(`gateways behind Caddy${why}`, () => {
  it("are stopped and started in turn, and no POST fails", { timeout: 90_000 }, async () => {
    const [http, metrics] = [await freePort(), await freePort()];
    const at = (host: string) => ({
      http: { host, port: http },
      metrics: { host, port: metrics },
      trustedProxies: ["127.0.0.0/8"],
    });
    await using world = await startGatewayWorld({ specs: [specOf("fn")], gateway: at(HOSTS[0]) });
    const node = await world.startNode();
    await node.start("fn", {
      revision: REVISION,
      handler: ({ data, headers }) => ({
        data,
        headers: [["X-Host", headers?.get("X-Original-Host")?.[0] ?? ""]],
      }),
    });
    const gateways: Gateway[] = [world.gateway, await world.startGateway(at(HOSTS[1]))];
    await using caddy = await startCaddy(http, metrics);
    await eventually(async () => expect((await call(`${caddy.url}/fn`)).status).toBe(200));

    let sent = 0;
    const traffic = startTraffic(
      async () => {
        const body = `${sent++}`;
        const answer = await fetch(`${caddy.url}/fn`, { method: "POST", body });
        return [answer.status, answer.headers.get("x-host"), (await answer.text()) === body].join(" ");
      },
      { clients: 4 },
    );
    /** Resolves when POSTs go through a gateway. */
    const isUsed = (gateway: Gateway) =>
      eventually(async () => {
        const { text } = await call(`${gateway.metricsUrl}/metrics`);
        expect(text).toMatch(
          /http_gateway_requests_total\{method="POST",path="\/fn",status_code="200"\} [1-9]/,
        );
      });
    for (const gateway of gateways) await isUsed(gateway);
    for (const turn of [0, 1]) {
      await gateways[turn]?.drain({ graceMs: 10_000, lameDuckMs: 10_000 });
      const next = await world.startGateway(at(HOSTS[turn] ?? ""));
      await isUsed(next);
      await traffic.more(100);
    }
    const answers = await traffic.stop();
    expect(new Set(answers)).toEqual(new Set([`200 ${new URL(caddy.url).host} true`]));
  });
});
