import { describe, expect, it } from "vitest";
import { FunctionConfigSchema, FunctionFileSchema } from "../function-config.ts";
import { FunctionSpecSchema } from "../spec.ts";
import { isLiteralSubject, isReservedStore, isReservedSubject, matchesSubject } from "./index.ts";

describe("a subject", () => {
  it.each([
    ["orders.>", "orders.a", true],
    ["orders.>", "orders.a.b", true],
    ["orders.>", "orders", false],
    ["orders.*", "orders.a", true],
    ["orders.*", "orders.a.b", false],
    ["orders.*.b", "orders.a.b", true],
    ["orders.*.b", "orders.a.c", false],
    ["orders", "orders", true],
    ["orders", "orders.a", false],
    ["orders", "Orders", false],
  ])("%s stands for %s: %s", (pattern, subject, expected) => {
    expect(matchesSubject(pattern, subject)).toBe(expected);
  });

  it.each(["", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a*", "a\tb", "a\0", "x".repeat(1_025)])(
    "cannot be published to: %j",
    (subject) => expect(isLiteralSubject(subject)).toBe(false),
  );

  it("of narun or NATS is reserved", () => {
    const reserved = [
      "narun",
      "narun.node.x",
      "logs.a",
      "status.a.b",
      "$JS.API",
      "$KV.a",
      "_INBOX.x",
      "_R_.x",
    ];
    expect(reserved.filter((subject) => !isReservedSubject(subject))).toEqual([]);
    expect(["narunx.a", "orders.narun", "log", "a.$JS"].filter(isReservedSubject)).toEqual([]);
  });
});

it("narun's own stores are reserved, however they are written", () => {
  const own = ["app-configs", "APP-BINARIES", "node-runner-states", "narun-secrets", "Narun-anything"];
  expect(own.filter((bucket) => !isReservedStore(bucket))).toEqual([]);
  expect(["narun", "my-narun-x", "configs"].filter(isReservedStore)).toEqual([]);
});

it("every schema of a configuration refuses a name that stands for two things", () => {
  const twice = { env: [{ name: "A", value: "x" }], bindings: [{ name: "A", kv: "a" }] };
  const config = { ...twice, name: "f", routes: [] };
  const revision = "0".repeat(64);
  for (const result of [
    FunctionFileSchema.safeParse(twice),
    FunctionConfigSchema.safeParse(config),
    FunctionSpecSchema.safeParse({ ...config, revision }),
  ]) {
    expect(result.error?.issues.map(({ path }) => path.join("."))).toEqual(["bindings.0.name"]);
  }
});

it("kinds that store or send values can be sealed, and no others", () => {
  const issuesOf = (binding: object) =>
    FunctionFileSchema.safeParse({
      bindings: [{ name: "A", seal: "payments", ...binding }],
    }).error?.issues.map(({ path }) => path.join("."));
  for (const binding of [
    ...[{ kv: "a" }, { objects: "a" }, { publish: ["a.b"] }, { kv: "a", seal: "user:42" }],
    ...[{ service: "a" }, { events: ["a.b"] }, { workflow: "a" }],
  ])
    expect(issuesOf(binding)).toBeUndefined();
  for (const binding of [
    { ratelimit: { limit: 1, periodSeconds: 1 } },
    { secret: "a" },
    { kv: "a", seal: "Payments" },
    { kv: "a", seal: "" },
  ])
    expect(issuesOf(binding)).toEqual(["bindings.0.seal"]);
});
