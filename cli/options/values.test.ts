import { describe, expect, test } from "vitest";
import { METADATA_ADDRESSES } from "../../contracts/index.ts";
import type { Source } from "./option.ts";
import {
  oneOf,
  parseAddress,
  parseDuration,
  parseEgressDeny,
  parseNetworks,
  parsePairs,
  parsePort,
  parseWait,
} from "./values.ts";

const flag = (name: string): Source => ({ kind: "flag", name });
const of = (text: string, name: string) => ({ text, source: flag(name) });

describe("parseAddress", () => {
  test.each([
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["[::1]:9090", { host: "::1", port: 9090 }],
  ])("%s", (text, address) => {
    expect(parseAddress(of(text, "--http"))).toEqual(address);
  });

  test.each(["", "8080", ":8080", "localhost", "localhost:", "localhost:70000", "localhost:x"])(
    "%j is none",
    (text) => {
      expect(() => parseAddress(of(text, "--http"))).toThrow(/--http takes HOST:PORT/);
    },
  );
});

describe("parsePort", () => {
  test("takes 0 to 65535", () => {
    expect(parsePort(of("0", "--nats-port"))).toBe(0);
    expect(parsePort(of("65535", "--nats-port"))).toBe(65_535);
  });

  test.each(["", "-1", "65536", "1e3", "x", "4222 "])("%j is none", (text) => {
    expect(() => parsePort(of(text, "--nats-port"))).toThrow(/--nats-port takes a number/);
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
    expect(parseDuration(of(text, "--since"))).toBe(ms);
  });

  test.each(["", "10", "10x", "m", "-1s", "1 h"])("%j is none", (text) => {
    expect(() => parseDuration(of(text, "--since"))).toThrow(/--since takes a duration/);
  });

  test.each(["36501d", "99999999999d", `${"9".repeat(400)}s`])("%s is too long", (text) => {
    expect(() => parseDuration(of(text, "--since"))).toThrow(/--since takes a duration of at most 36500d/);
  });
});

describe("parseWait", () => {
  test("ends before timers of Node fire at once", () => {
    expect(parseWait(of("30s", "--wait"))).toBe(30_000);
    expect(parseWait(of("30d", "--wait"))).toBe(2_147_483_647);
  });
});

describe("parsePairs", () => {
  test("splits at the first equals sign", () => {
    expect(parsePairs(["zone=a", "query=x=y", "empty="], flag("--label"))).toEqual({
      zone: "a",
      query: "x=y",
      empty: "",
    });
  });

  test.each(["zone", "=a", ""])("%j is none", (text) => {
    expect(() => parsePairs([text], flag("--label"))).toThrow(/--label takes KEY=VALUE/);
  });
});

describe("oneOf", () => {
  const parse = oneOf(["debug", "info", "silent"]);

  test("takes a word of the list", () => {
    expect(parse(of("info", "--log-level"))).toBe("info");
  });

  test("names the words, and the nearest one", () => {
    const words = "--log-level takes debug, info, silent, not";
    expect(() => parse(of("inof", "--log-level"))).toThrow(`${words} "inof"; did you mean "info"?`);
    expect(() => parse(of("loud-and-clear", "--log-level"))).toThrow(/silent, not "loud-and-clear"$/);
  });
});

describe("parseEgressDeny", () => {
  test.each([
    [[], METADATA_ADDRESSES],
    [
      ["10.0.0.0/8", "db.internal"],
      [...METADATA_ADDRESSES, "10.0.0.0/8", "db.internal"],
    ],
    [["[fd00::/8]:443"], [...METADATA_ADDRESSES, "[fd00::/8]:443"]],
    [["none"], []],
    [["none", "10.0.0.0/8"], ["10.0.0.0/8"]],
  ])("%j", (texts, rules) => {
    expect(parseEgressDeny(texts, flag("--egress-deny"))).toEqual(rules);
  });

  test.each([
    ["--egress-deny", "10.0.0.0/99", /--egress-deny: "10.0.0.0\/99" is no/],
    ["NARUN_EGRESS_DENY", "http://x", /NARUN_EGRESS_DENY: a rule has no scheme/],
  ])("names the wrong rule of %s", (name, rule, message) => {
    expect(() => parseEgressDeny([rule], flag(name))).toThrow(message);
  });
});

describe("parseNetworks", () => {
  test.each([
    ["10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]],
    ["1.1.1.1,", ["1.1.1.1"]],
    ["", []],
  ])("%j", (text, networks) => {
    expect(parseNetworks(of(text, "--trusted-proxies"))).toEqual(networks);
  });

  test("names the wrong network, and its source", () => {
    expect(() => parseNetworks(of("10.0.0.0/8,proxy", "--trusted-proxies"))).toThrow(
      /--trusted-proxies takes .*, not "proxy"/,
    );
    expect(() => parseNetworks(of("::1/200", "NARUN_TRUSTED_PROXIES"))).toThrow(
      /NARUN_TRUSTED_PROXIES takes /,
    );
  });
});
