import { describe, expect, it } from "vitest";
import { parseEgressRule } from "./egress.ts";
import { FunctionFileSchema } from "./function-config.ts";
import { formatYamlIssues, parseYaml } from "./yaml.ts";

describe("an egress rule", () => {
  it.each([
    ["db.internal", { kind: "name", name: "db.internal", port: undefined }],
    ["DB.Internal.:5432", { kind: "name", name: "db.internal", port: 5432 }],
    ["bücher.example", { kind: "name", name: "xn--bcher-kva.example", port: undefined }],
    ["*.example.com", { kind: "below", suffix: ".example.com", port: undefined }],
    ["*.example.com:443", { kind: "below", suffix: ".example.com", port: 443 }],
    ["127.0.0.1:8080", { kind: "network", family: "ipv4", address: "127.0.0.1", bits: 32, port: 8080 }],
    ["10.0.0.0/8", { kind: "network", family: "ipv4", address: "10.0.0.0", bits: 8, port: undefined }],
    ["10.0.0.0/8:443", { kind: "network", family: "ipv4", address: "10.0.0.0", bits: 8, port: 443 }],
    ["::1", { kind: "network", family: "ipv6", address: "::1", bits: 128, port: undefined }],
    ["[::1]:8080", { kind: "network", family: "ipv6", address: "::1", bits: 128, port: 8080 }],
    ["fd00::/8", { kind: "network", family: "ipv6", address: "fd00::", bits: 8, port: undefined }],
    ["[fd00::/8]:443", { kind: "network", family: "ipv6", address: "fd00::", bits: 8, port: 443 }],
  ])("%s", (text, rule) => {
    expect(parseEgressRule(text)).toEqual({ text, ...rule });
  });

  it.each([
    ["http://db.internal", "no scheme"],
    ["db.internal:0", "0 is no port"],
    ["db.internal:65536", "65536 is no port"],
    ["10.0.0.0/33", "is no network"],
    ["db.internal/8", "is no network"],
    ["*", "neither a host name"],
    ["*.*.com", "neither a host name"],
    ["", "neither a host name"],
    ["a b", "neither a host name"],
    ["user@db", "neither a host name"],
    // Addresses in other notations would look like names, and match nothing.
    ["127.1", "neither a host name"],
    ["0x7f000001", "neither a host name"],
    ["010.0.0.1", "neither a host name"],
  ])("is not %j", (text, why) => {
    expect(parseEgressRule(text)).toContain(why);
  });
});

describe("egress in narun.yaml", () => {
  it("is empty where it is not said", () => {
    expect(FunctionFileSchema.parse({}).egress).toEqual([]);
  });

  it("has the line of a wrong rule", () => {
    const parsed = parseYaml("egress:\n  - 10.0.0.0/8\n  - 10.0.0.0/99\n", FunctionFileSchema);
    expect(parsed.ok ? "" : formatYamlIssues(parsed.issues)).toMatch(/^line 3: egress\.1: .*is no network/);
  });
});
