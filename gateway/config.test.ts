import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readGatewayConfig } from "./config.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string) {
  const path = join(folder, "config.yaml");
  await writeFile(path, text);
  return readGatewayConfig(path);
}

describe("the gateway's config.yaml", () => {
  it("is read as the original toolkit wrote it", async () => {
    expect(
      await read(`
nats_url: nats://127.0.0.1:4222
server_addr: ":8080"
grpc_addr: ":8081"
metrics_addr: ":9090"
request_timeout_seconds: 15
routes:
  - path: /users/
    methods: [get, POST]
    service: users
  - grpc: pkg.Greeter
    service: greeter
`),
    ).toEqual({
      nats_url: "nats://127.0.0.1:4222",
      server_addr: ":8080",
      grpc_addr: ":8081",
      metrics_addr: ":9090",
      request_timeout_seconds: 15,
      routes: [
        { path: "/users/", methods: ["GET", "POST"], service: "users" },
        { grpc: "pkg.Greeter", methods: [], service: "greeter" },
      ],
    });
  });

  it("is refused with every wrong line, and the nearest known key", async () => {
    const refused = read("server_adr: x\nroutes:\n  - path: users\n    servce: users\n  - service: x\n");
    await expect(refused).rejects.toMatchObject({ code: "GATEWAY_CONFIG_INVALID" });
    await expect(refused).rejects.toThrow(/line 1: .*did you mean "server_addr"\?/);
    await expect(refused).rejects.toThrow(/line 4: .*did you mean "service"\?/);
    await expect(read("trusted_proxies:\n  - 10.0.0.0/8\n  - proxy\n")).rejects.toThrow(
      /line 3: .*an address/,
    );
    await expect(refused).rejects.toThrow(/line 5: .*either `path` or `grpc`/);
  });

  it("is refused where it cannot be read", async () => {
    await expect(readGatewayConfig(join(folder, "none.yaml"))).rejects.toMatchObject({
      code: "GATEWAY_CONFIG_INVALID",
    });
  });
});
