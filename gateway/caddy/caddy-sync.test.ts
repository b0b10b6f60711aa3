/** Gateways that keep a real Caddy in step. */
import https from "node:https";
import { describe, expect, it } from "vitest";
import { type Caddy, caddies, configOf, freePort, startCaddy } from "../../test/harness/caddy.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { call } from "../testing/http-client.ts";
import { REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

/** A request to a host behind Caddy. */
function at(port: number, host: string, path: string) {
  return call(`http://127.0.0.1:${port}${path}`, { host });
}

const OTHERS = [
  {
    "@id": "theirs",
    match: [{ host: ["other.localhost"] }],
    handle: [{ handler: "static_response", body: "theirs" }],
  },
  {
    match: [{ host: ["pub.localhost"], path: ["/taken"] }],
    handle: [{ handler: "static_response", body: "taken" }],
  },
];

const published = (name: string, facts: Record<string, unknown> = {}) =>
  specOf(name, { hosts: ["pub.localhost"], ...facts });

const ownRoutes = async (caddy: Caddy) => {
  const routes = (await caddy.config("/config/apps/http/servers/main/routes")) as Record<string, unknown>[];
  return routes.filter((route) => String(route["@id"]).startsWith("narun-"));
};

/** The addresses in the route of HTTP, or of gRPC. */
const upstreams = async (caddy: Caddy, protocol = "http") => {
  const route = (await ownRoutes(caddy)).find((one) => String(one["@id"]).startsWith(`narun-${protocol}-`));
  const [proxy] = (route?.handle ?? []) as { upstreams?: { dial: string }[] }[];
  return (proxy?.upstreams ?? []).map(({ dial }) => dial).sort();
};

const dialOf = (url: string) => new URL(url).host;

describe.each(caddies)("$name", ({ program }) => {
  const test = program === undefined ? it.skip : it;
  const start = (routes: readonly unknown[] = OTHERS) => startCaddy(program ?? "", routes);

  test("serves the hosts of functions, and what is somebody else's as before", async () => {
    await using caddy = await start();
    const specs = [published("hello"), specOf("inner"), published("wide", { hosts: ["*.wide.localhost"] })];
    await using world = await startGatewayWorld({ specs, gateway: { caddy: caddy.admin } });
    const node = await world.startNode();
    for (const name of ["hello", "inner", "wide"])
      await node.start(name, { revision: REVISION, handler: () => ({ data: Buffer.from(`by ${name}`) }) });
    await eventually(async () =>
      expect((await at(caddy.port, "pub.localhost", "/hello")).text).toBe("by hello"),
    );
    expect((await at(caddy.port, "pub.localhost", "/hello/x?y=1")).text).toBe("by hello");
    expect((await at(caddy.port, "a.wide.localhost", "/wide")).text).toBe("by wide");
    expect((await at(caddy.port, "pub.localhost", "/inner")).text).toBe("");
    expect((await at(caddy.port, "elsewhere.localhost", "/hello")).text).toBe("");
    expect((await at(caddy.port, "other.localhost", "/hello")).text).toBe("theirs");
    expect((await at(caddy.port, "pub.localhost", "/taken")).text).toBe("taken");
    await world.putSpec(published("late"));
    await node.start("late", { revision: REVISION, handler: () => ({ data: Buffer.from("by late") }) });
    await eventually(async () =>
      expect((await at(caddy.port, "pub.localhost", "/late")).text).toBe("by late"),
    );
    await world.deleteSpec("late");
    await eventually(async () => expect((await at(caddy.port, "pub.localhost", "/late")).text).toBe(""));
  });

  test("is not written again where nothing changed, and has nothing of narun after its end", async () => {
    await using caddy = await start();
    const before = await caddy.config();
    await using world = await startGatewayWorld({
      specs: [published("hello", { grpc: ["pkg.Greeter"] })],
      gateway: { caddy: caddy.admin },
    });
    await eventually(async () => expect(await upstreams(caddy)).toEqual([dialOf(world.url)]));
    await eventually(async () => expect(await upstreams(caddy, "grpc")).toHaveLength(1));
    const changes = await caddy.changes();
    // Changes that Caddy has nothing to do with.
    await world.putSpec(published("hello", { grpc: ["pkg.Greeter"], limits: { timeoutMs: 1_000 } }));
    await world.putSpec(specOf("inner"));
    await world.putSpec(published("marker", { hosts: ["marker.localhost"] }));
    await eventually(async () =>
      expect(JSON.stringify(await ownRoutes(caddy))).toContain("marker.localhost"),
    );
    expect(await caddy.changes()).toBe(changes + 1);
    await world.gateway.drain({ graceMs: 1_000 });
    expect(await caddy.config()).toEqual(before);
  });

  test("is written once where a gateway joins with HTTP and gRPC, and the gateway's metrics tell its state", async () => {
    await using caddy = await start();
    const gateway = { caddy: caddy.admin, metrics: { host: "127.0.0.1", port: 0 } };
    const specs = [
      published("hello", { grpc: ["pkg.Greeter"] }),
      published("other", { routes: [{ path: "/taken" }] }),
    ];
    await using world = await startGatewayWorld({ specs, gateway });
    await eventually(async () => expect(await upstreams(caddy, "grpc")).toHaveLength(1));
    expect(await upstreams(caddy)).toHaveLength(1);
    // An older Caddy refuses a key at first, which is no reload.
    const changes = await caddy.changes();
    expect(changes).toBeLessThanOrEqual(program === "caddy" ? 2 : 1);
    await world.startGateway(gateway);
    await eventually(async () => expect(await upstreams(caddy, "grpc")).toHaveLength(2));
    expect(await upstreams(caddy)).toHaveLength(2);
    expect(await caddy.changes()).toBeLessThanOrEqual(2 * changes);
    const figures = async () =>
      (await call(`${world.gateway.metricsUrl}/metrics`)).text
        .split("\n")
        .filter((line) => line.startsWith("narun_gateway_caddy"));
    await eventually(async () =>
      expect(await figures()).toEqual(["narun_gateway_caddy_in_step 1", "narun_gateway_caddy_conflicts 1"]),
    );
    await caddy.stop();
    await world.putSpec(published("more"));
    await eventually(async () => expect(await figures()).toContain("narun_gateway_caddy_in_step 0"));
  });

  test("serves the hosts of functions with certificates of its own authority", async () => {
    await using caddy = await start([]);
    const httpsPort = await freePort();
    const { apps, ...rest } = (await caddy.config()) as {
      apps: { http: { servers: Record<string, object> } };
    };
    const tls = { automation: { policies: [{ issuers: [{ module: "internal" }] }] } };
    const main = {
      listen: [`127.0.0.1:${httpsPort}`],
      automatic_https: { disable_redirects: true },
      routes: [],
    };
    const http = { ...apps.http, https_port: httpsPort, servers: { main } };
    const pki = { certificate_authorities: { local: { install_trust: false } } };
    await caddy.load({ ...rest, apps: { http, tls, pki } });
    await using world = await startGatewayWorld({
      specs: [published("hello")],
      gateway: { caddy: caddy.admin },
    });
    const node = await world.startNode();
    await node.start("hello", { revision: REVISION, handler: () => ({ data: Buffer.from("by hello") }) });
    const authority = (await caddy.config("/pki/ca/local")) as { root_certificate: string };
    const secret = () =>
      new Promise<string>((resolve, reject) => {
        const options = {
          ...{ host: "127.0.0.1", port: httpsPort, path: "/hello", servername: "pub.localhost" },
          ...{ headers: { host: "pub.localhost" }, ca: authority.root_certificate, agent: false as const },
        };
        https
          .get(options, (incoming) => {
            let text = "";
            incoming.on("data", (chunk: Buffer) => (text += chunk.toString()));
            incoming.on("end", () => resolve(text));
          })
          .on("error", reject);
      });
    await eventually(async () => expect(await secret()).toBe("by hello"), { timeoutMs: 20_000 });
  });

  test("knows every gateway, until it leaves or is gone from NATS", async () => {
    await using caddy = await start();
    const gateway = { caddy: caddy.admin };
    await using world = await startGatewayWorld({ specs: [published("hello")], gateway });
    const others = await Promise.all([world.startGateway(gateway), world.startGateway(gateway)]);
    const dials = [world.gateway, ...others].map(({ httpUrl }) => dialOf(httpUrl)).sort();
    await eventually(async () => expect(await upstreams(caddy)).toEqual(dials));
    await others[0]?.drain({ graceMs: 1_000 });
    const left = dials.filter((dial) => dial !== dialOf(others[0]?.httpUrl ?? ""));
    expect(await upstreams(caddy)).toEqual(left);
    // A gateway that was killed has left its upstream.
    const route = (await ownRoutes(caddy)).find((one) => String(one["@id"]).startsWith("narun-http-"));
    const [proxy] = (route?.handle ?? []) as { upstreams: unknown[] }[];
    proxy?.upstreams.push({ "@id": "narun-http-0123456789abcdef", dial: "127.0.0.1:9" });
    const { CaddyAdmin } = await import("./admin.ts");
    await new CaddyAdmin(caddy.admin).write("PATCH", `/id/${route?.["@id"]}`, route, undefined);
    await world.putSpec(published("more"));
    await eventually(async () => expect(await upstreams(caddy)).toEqual(left));
  });

  test("keeps another's route at the same path, and gets it when that is gone", async () => {
    await using caddy = await start();
    const routes = [{ path: "/taken" }, { path: "/free" }];
    await using world = await startGatewayWorld({
      specs: [published("hello", { routes })],
      gateway: { caddy: caddy.admin },
    });
    const node = await world.startNode();
    await node.start("hello", { revision: REVISION, handler: () => ({ data: Buffer.from("by hello") }) });
    await eventually(async () =>
      expect((await at(caddy.port, "pub.localhost", "/free")).text).toBe("by hello"),
    );
    expect((await at(caddy.port, "pub.localhost", "/taken")).text).toBe("taken");
    await caddy.load(configOf(caddy.port, Number(caddy.admin.port), []));
    await world.putSpec(published("other"));
    await eventually(async () =>
      expect((await at(caddy.port, "pub.localhost", "/taken")).text).toBe("by hello"),
    );
  });

  test("may be away at the start, and restart: it is tried again", async () => {
    await using caddy = await start();
    await caddy.stop();
    await using world = await startGatewayWorld({
      specs: [published("hello")],
      gateway: { caddy: caddy.admin },
    });
    const node = await world.startNode();
    await node.start("hello", { revision: REVISION, handler: () => ({ data: Buffer.from("by hello") }) });
    expect((await call(`${world.url}/hello`)).text).toBe("by hello");
    const isServed = () =>
      eventually(
        async () => expect((await at(caddy.port, "pub.localhost", "/hello")).text).toBe("by hello"),
        { timeoutMs: 30_000 },
      );
    await caddy.restart();
    await isServed();
    await caddy.restart();
    await isServed();
  });

  test("gets a server of its own where it has none", async () => {
    await using caddy = await start();
    const admin = { admin: { listen: `127.0.0.1:${caddy.admin.port}` } };
    // Port 443 is not the test's: the certificates, and the listener, are off.
    await caddy.load({ ...admin, apps: { http: { https_port: 8443 } } });
    await using world = await startGatewayWorld({
      specs: [published("hello")],
      gateway: { caddy: caddy.admin },
    });
    void world;
    await eventually(async () =>
      expect(await caddy.config("/config/apps/http/servers/narun")).toMatchObject({ listen: [":443"] }),
    );
    await world.gateway.drain({ graceMs: 1_000 });
    expect(await caddy.config("/config/apps/http/servers")).toEqual({});
  });
});
