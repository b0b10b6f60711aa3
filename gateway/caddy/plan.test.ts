import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../test/soak/random.ts";
import { specOf } from "../testing/world.ts";
import {
  checksHealth,
  grpcPaths,
  httpPaths,
  isSame,
  pickServer,
  proxyRoute,
  sitesOf,
  upstreamsIn,
  withoutConflicts,
} from "./plan.ts";

const paths = (...list: string[]) => ({ routes: list.map((path) => ({ path })) });

describe("the sites of functions", () => {
  it("are the paths by host, in order, without functions that name no host", () => {
    const specs = [
      specOf("b", { hosts: ["z.example", "a.example"], ...paths("/b", "/b/*") }),
      specOf("a", { hosts: ["a.example"], ...paths("/a", "/b"), grpc: ["pkg.A"] }),
      specOf("inner", paths("/inner")),
      specOf("none", { hosts: ["none.example"], routes: [] }),
    ];
    expect(sitesOf(specs, httpPaths)).toEqual([
      { host: "a.example", paths: ["/a", "/b", "/b/*"] },
      { host: "z.example", paths: ["/b", "/b/*"] },
    ]);
    expect(sitesOf(specs.reverse(), httpPaths)).toEqual(sitesOf(specs, httpPaths));
    expect(sitesOf(specs, grpcPaths)).toEqual([{ host: "a.example", paths: ["/pkg.A/*"] }]);
  });
});

describe("routes of somebody else", () => {
  const sites = [{ host: "a.example", paths: ["/", "/*", "/x", "/x/*"] }];
  const left = (...others: unknown[]) => withoutConflicts(sites, others).sites[0]?.paths ?? [];

  it.each([
    ["nothing", [], ["/", "/*", "/x", "/x/*"]],
    ["the same path", [{ match: [{ host: ["a.example"], path: ["/x"] }] }], ["/", "/*", "/x/*"]],
    [
      "the same path in upper case",
      [{ match: [{ host: ["A.example"], path: ["/X/*"] }] }],
      ["/", "/*", "/x"],
    ],
    ["the whole host", [{ match: [{ host: ["a.example"] }], terminal: true }], ["/", "/x", "/x/*"]],
    ["everything", [{ handle: [] }], ["/", "/*", "/x", "/x/*"]],
    ["another host", [{ match: [{ host: ["b.example"], path: ["/x"] }] }], ["/", "/*", "/x", "/x/*"]],
    ["a path of every host", [{ match: [{ path: ["/x"] }] }], ["/", "/*", "/x", "/x/*"]],
  ])("that have %s", (_what, others, expected) => {
    expect(left(...others)).toEqual(expected);
  });

  it("are told with host and path", () => {
    const others = [{ match: [{ host: ["a.example"], path: ["/x"] }] }];
    expect(withoutConflicts(sites, others).conflicts).toEqual([{ host: "a.example", path: "/x" }]);
  });
});

describe("the server of the routes", () => {
  it.each([
    ["its own", { srv0: { listen: [":443"] }, mine: { "@id": "narun-server" } }, "mine"],
    ["that of HTTPS", { a: { listen: [":8080"] }, b: { listen: [":80", ":443"] } }, "b"],
    ["the first that is not for HTTP alone", { a: { listen: [":80"] }, b: { listen: [":8443"] } }, "b"],
    ["a new one where all are for HTTP alone", { a: { listen: [":80"] } }, undefined],
    ["a new one where there is none", {}, undefined],
  ])("is %s", (_what, servers, name) => {
    expect(pickServer(servers)).toBe(name);
  });
});

it("reads its own route again", () => {
  const route = proxyRoute({
    ...{ id: "narun-http-routes-w", protocol: "http", healthPort: 9090, keepsStreams: true },
    sites: [{ host: "a.example", paths: ["/a"] }],
    upstreams: [{ "@id": "narun-http-10-0-0-1-8080", dial: "10.0.0.1:8080" }],
  });
  expect(upstreamsIn(route)).toEqual([{ "@id": "narun-http-10-0-0-1-8080", dial: "10.0.0.1:8080" }]);
  expect(checksHealth(route)).toBe(true);
  expect(isSame(JSON.parse(JSON.stringify(route)), route)).toBe(true);
  expect(isSame(undefined, route)).toBe(false);
});

/** Any JSON, with the keys that are looked at. */
function randomJson(random: Random, depth = 0): unknown {
  const leaves = [null, true, 0, "", "a.example", "/x", ":443", "narun-server"] as const;
  const kind = depth > 4 ? 0 : random.between(0, 3);
  if (kind === 0) return random.pick(leaves);
  if (kind === 1) return Array.from({ length: random.between(0, 3) }, () => randomJson(random, depth + 1));
  const keys = [
    "@id",
    "match",
    "host",
    "path",
    "handle",
    "upstreams",
    "dial",
    "health_checks",
    "active",
    "listen",
  ] as const;
  return Object.fromEntries(
    Array.from({ length: random.between(0, 4) }, () => [random.pick(keys), randomJson(random, depth + 1)]),
  );
}

it.each([1, 2, 3])("takes any configuration (seed %i)", (seed) => {
  const random = createRandom(seed);
  const sites = [{ host: "a.example", paths: ["/x", "/*"] }];
  for (let round = 0; round < 2_000; round++) {
    const value = randomJson(random);
    const { sites: left } = withoutConflicts(sites, [value, randomJson(random)]);
    expect(left.flatMap((site) => site.paths).every((path) => path === "/x" || path === "/*")).toBe(true);
    for (const { dial } of upstreamsIn(value)) expect(typeof dial).toBe("string");
    checksHealth(value);
    pickServer({ a: value as Record<string, unknown> });
  }
});
