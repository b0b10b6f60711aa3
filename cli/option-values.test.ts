import { describe, expect, test } from "vitest";
import { METADATA_ADDRESSES } from "../contracts/index.ts";
import {
  parseAddress,
  parseDuration,
  parsePairs,
  parsePort,
  resolveEgressDeny,
  resolveTrustedProxies,
} from "./option-values.ts";

describe("parseAddress", () => {
  test.each([
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["[::1]:9090", { host: "::1", port: 9090 }],
  ])("%s", (text, address) => {
    expect(parseAddress(text, "--http")).toEqual(address);
  });

  test.each(["", "8080", ":8080", "localhost", "localhost:", "localhost:70000", "localhost:x"])(
    "%j is none",
    (text) => {
      expect(() => parseAddress(text, "--http")).toThrow(/--http takes HOST:PORT/);
    },
  );
});

describe("parsePort", () => {
  test("takes 0 to 65535", () => {
    expect(parsePort("0", "--nats-port")).toBe(0);
    expect(parsePort("65535", "--nats-port")).toBe(65_535);
  });

  test.each(["", "-1", "65536", "1e3", "x", "4222 "])("%j is none", (text) => {
    expect(() => parsePort(text, "--nats-port")).toThrow(/--nats-port takes a number/);
  });
});

describe("parseDuration", () => {
  test.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
    ["0s", 0],
  ])("%s is %i ms", (text, ms) => {
    expect(parseDuration(text, "--since")).toBe(ms);
  });

  test.each(["", "10", "10x", "m", "-1s", "1 h"])("%j is none", (text) => {
    expect(() => parseDuration(text, "--since")).toThrow(/--since takes a duration/);
  });
});

describe("parsePairs", () => {
  test("splits at the first equals sign", () => {
    expect(parsePairs(["zone=a", "query=x=y", "empty="], "--label")).toEqual({
      zone: "a",
      query: "x=y",
      empty: "",
    });
  });

  test.each(["zone", "=a", ""])("%j is none", (text) => {
    expect(() => parsePairs([text], "--label")).toThrow(/--label takes KEY=VALUE/);
  });
});

describe("resolveEgressDeny", () => {
  test.each([
    [[], undefined, METADATA_ADDRESSES],
    [[], "", METADATA_ADDRESSES],
    [[], "10.0.0.0/8, db.internal", [...METADATA_ADDRESSES, "10.0.0.0/8", "db.internal"]],
    [["[fd00::/8]:443"], "10.0.0.0/8", [...METADATA_ADDRESSES, "[fd00::/8]:443"]],
    [["none"], undefined, []],
    [["none", "10.0.0.0/8"], undefined, ["10.0.0.0/8"]],
  ])("%j and NARUN_EGRESS_DENY=%j", (given, environment, rules) => {
    expect(resolveEgressDeny(given, environment)).toEqual(rules);
  });

  test("names what is no rule, and where it was said", () => {
    expect(() => resolveEgressDeny(["10.0.0.0/99"], undefined)).toThrow(
      /--egress-deny: "10.0.0.0\/99" is no/,
    );
    expect(() => resolveEgressDeny([], "http://x")).toThrow(/NARUN_EGRESS_DENY: a rule has no scheme/);
  });
});

describe("resolveTrustedProxies", () => {
  test("takes the option before the variable", () => {
    expect(resolveTrustedProxies("10.0.0.0/8, ::1", "1.1.1.1")).toEqual(["10.0.0.0/8", "::1"]);
    expect(resolveTrustedProxies(undefined, "1.1.1.1,")).toEqual(["1.1.1.1"]);
    expect(resolveTrustedProxies("", "1.1.1.1")).toEqual([]);
    expect(resolveTrustedProxies(undefined, undefined)).toBeUndefined();
  });

  test("names what is no network, and where it was said", () => {
    expect(() => resolveTrustedProxies("10.0.0.0/8,proxy", undefined)).toThrow(
      /--trusted-proxies takes .*, not "proxy"/,
    );
    expect(() => resolveTrustedProxies(undefined, "::1/200")).toThrow(/NARUN_TRUSTED_PROXIES takes /);
  });
});
