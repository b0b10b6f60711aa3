import { afterAll, beforeAll, expect, test } from "vitest";
import { FREE_PORTS, narun, startNarun } from "../testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

let folder: WorkFolder;
let up: ReturnType<typeof startNarun>;
let addresses: { runtaraHttp: string; nats: string };
beforeAll(async () => {
  folder = await createWorkFolder({});
  const at = ["--runtara-http", "127.0.0.1:0", "--data-dir", folder.path("data")];
  up = startNarun(["up", ...FREE_PORTS, ...at, "--json"], { cwd: folder.dir, limitMs: 120_000 });
  const [line = ""] = await up.shows(/^\{.*"runtaraHttp".*\}$/m);
  addresses = JSON.parse(line);
});
afterAll(async () => {
  await up?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

test("a token of an operator, a tenant and an instance, for the door of narun up", async () => {
  const call = (token: string | undefined, path: string) =>
    fetch(
      `${addresses.runtaraHttp}/api/v1/${path}`,
      token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } },
    );
  expect((await call(undefined, "instances")).status).toBe(401);
  const tokenOf = async (...args: string[]) => {
    const { stdout } = await narun(["runtara", "token", ...args, "--nats", addresses.nats]);
    return stdout.trim();
  };
  expect((await call(await tokenOf(), "instances")).status).toBe(200);
  const tenants = await tokenOf("--tenant", "acme");
  expect((await call(tenants, "instances")).status).toBe(200);
  expect((await call(tenants, "instances?tenant_id=evil")).status).toBe(403);
  const programs = await tokenOf("--tenant", "acme", "--instance", "one");
  expect((await call(programs, "instances")).status).toBe(401);
  expect((await call(programs, "instances/one/status")).status).toBe(200);
  expect((await call(`${programs}x`, "instances/one/status")).status).toBe(401);
});

test("a door for everybody has no calls without tokens", async () => {
  const { code, stderr } = await narun(["node", "--runtara-http", "0.0.0.0:0", "--runtara-open"]);
  expect(code).toBe(2);
  expect(stderr).toContain("--runtara-open needs an address of this machine itself");
});
