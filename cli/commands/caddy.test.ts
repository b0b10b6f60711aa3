import { expect, test, vi } from "vitest";
import { caddies, startCaddy } from "../../test/harness/caddy.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { narun, startNarun } from "../testing/narun.ts";

vi.setConfig({ testTimeout: 120_000 });

const PORTS = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
const program = caddies.find((one) => one.program !== undefined)?.program;

test.each(["127.0.0.1:2019", "https://caddy:2019", "caddy", "unix//run/caddy.sock"])(
  "an address that is no admin API is refused: %s",
  async (address) => {
    const { code, stderr } = await narun(["gateway", "--caddy", address]);
    expect(code).toBe(2);
    expect(stderr).toContain("--caddy takes an address such as http://127.0.0.1:2019");
  },
);

test("a Caddy that is away costs one line of the log, and no request", async () => {
  await using nats = await startTestNats();
  const flags = ["--json", "--nats", nats.url, "--caddy", "http://127.0.0.1:9", ...PORTS];
  await using gateway = startNarun(["gateway", ...flags], { limitMs: 120_000 });
  const [, http = ""] = await gateway.shows(/"http":"(http:[^"]+)"/);
  await gateway.shows(/Caddy is not in step/);
  expect((await fetch(`${http}/nowhere`)).status).toBe(404);
  gateway.kill("SIGTERM");
  const { code, stderr } = await gateway.ended;
  expect(code).toBe(0);
  expect(stderr.match(/Caddy is not in step/g)?.length).toBe(1);
});

test.skipIf(program === undefined)("a gateway with several processes is one address in Caddy", async () => {
  await using nats = await startTestNats();
  await using caddy = await startCaddy(program ?? "");
  const flags = ["--json", "--nats", nats.url, "--workers", "2", ...PORTS];
  await using gateway = startNarun(["gateway", ...flags], {
    limitMs: 120_000,
    env: { NARUN_CADDY: caddy.admin.origin },
  });
  await gateway.shows(/"http":"http:/);
  await gateway.shows(/Caddy is in step/);
  expect(gateway.stderr.match(/Caddy is in step/g)?.length).toBe(1);
  gateway.kill("SIGTERM");
  expect((await gateway.ended).code).toBe(0);
  await eventually(async () => expect(JSON.stringify(await caddy.config())).not.toContain("narun"));
});
