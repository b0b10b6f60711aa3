import { describe, expect, it } from "vitest";
import { METADATA_ADDRESSES } from "../contracts/index.ts";
import { createEgress } from "./egress.ts";

const bare = createEgress({ allow: [], deny: [] });
const verdict = (egress: ReturnType<typeof createEgress>, host: string, address = host, port = 443) =>
  egress.refusalOfName({ host, port }) ?? egress.refusal({ host, port }, address);

describe("without rules", () => {
  it.each([
    ["8.8.8.8"],
    ["1.1.1.1"],
    ["172.15.255.255"],
    ["172.32.0.0"],
    ["100.63.255.255"],
    ["100.128.0.0"],
    ["192.169.0.1"],
    ["198.17.0.1"],
    ["223.255.255.255"],
    ["2606:4700:4700::1111"],
    ["2001:4860:4860::8888"],
    ["::ffff:8.8.8.8"],
    // NAT64: how a network without IPv4 reaches 8.8.8.8.
    ["64:ff9b::808:808"],
  ])("%s is reachable", (address) => {
    expect(verdict(bare, "example.com", address)).toBeUndefined();
  });

  it.each([
    ["127.0.0.1", "loopback"],
    ["127.255.255.255", "loopback"],
    ["::1", "loopback"],
    ["10.0.0.1", "private"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["192.168.1.1", "private"],
    ["fc00::1", "private"],
    ["fdff::1", "private"],
    ["169.254.0.1", "link-local"],
    ["169.254.169.254", "link-local"],
    ["fe80::1", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["100.64.0.1", "carrier"],
    ["100.127.255.255", "carrier"],
    ["100.100.100.200", "carrier"],
    ["168.63.129.16", "metadata"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "multicast"],
    ["255.255.255.255", "reserved"],
    ["240.0.0.1", "reserved"],
    ["0.0.0.0", "reserved"],
    ["0.1.2.3", "reserved"],
    ["::", "reserved"],
    ["192.0.0.192", "reserved"],
    ["192.0.2.1", "reserved"],
    ["198.18.0.1", "reserved"],
    ["198.51.100.1", "reserved"],
    ["203.0.113.1", "reserved"],
    ["2001:db8::1", "reserved"],
    ["3fff::1", "reserved"],
    ["100::1", "reserved"],
    ["4000::1", "reserved"],
    // IPv4 addresses in forms of IPv6.
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["::ffff:10.0.0.1", "private"],
    ["::ffff:a9fe:a9fe", "link-local"],
    ["::127.0.0.1", "reserved"],
    ["::ffff:0:127.0.0.1", "reserved"],
    ["64:ff9b::127.0.0.1", "loopback"],
    ["64:ff9b::a9fe:a9fe", "link-local"],
    ["64:ff9b:1::10.0.0.1", "reserved"],
    ["2002:7f00:1::", "reserved"],
    ["2002:808:808::", "reserved"],
    ["2001:0:808:808::80ff:fffe", "reserved"],
    ["nonsense", "no address"],
  ])("%s is refused as %s", (address, kind) => {
    expect(verdict(bare, "example.com", address)).toContain(kind);
  });

  it("names the address, the name, the port and the key", () => {
    expect(verdict(bare, "db.internal", "10.1.2.3", 5432)).toBe(
      "10.1.2.3 (db.internal) port 5432 is a private address; `egress` in narun.yaml could allow it",
    );
  });
});

describe("egress of the function", () => {
  it.each([
    ["127.0.0.1:8080", "127.0.0.1", "127.0.0.1", 8080, true],
    ["127.0.0.1:8080", "127.0.0.1", "127.0.0.1", 8081, false],
    ["127.0.0.1:8080", "localhost", "127.0.0.1", 8080, true],
    ["127.0.0.1", "127.0.0.1", "127.0.0.2", 80, false],
    ["127.0.0.1", "x.example", "::ffff:127.0.0.1", 80, true],
    ["10.0.0.0/8", "db.internal", "10.200.0.1", 80, true],
    ["10.0.0.0/8", "db.internal", "11.0.0.1", 80, true],
    ["10.0.0.0/8", "db.internal", "172.16.0.1", 80, false],
    ["10.0.0.0/8:443", "db.internal", "10.0.0.1", 80, false],
    ["10.0.0.0/8", "x.example", "64:ff9b::10.0.0.1", 80, true],
    ["10.0.0.0/8", "x.example", "2002:a00:1::", 80, false],
    ["[fd00::/8]:443", "db.internal", "fd12::1", 443, true],
    ["::1", "localhost", "::1", 443, true],
    ["db.internal", "db.internal", "10.0.0.1", 80, true],
    ["db.internal", "db.internal.", "10.0.0.1", 80, true],
    ["db.internal", "DB.internal", "10.0.0.1", 80, true],
    ["db.internal:5432", "db.internal", "10.0.0.1", 80, false],
    ["db.internal", "other.internal", "10.0.0.1", 80, false],
    ["*.internal", "a.b.internal", "10.0.0.1", 80, true],
    ["*.internal", "internal", "10.0.0.1", 80, false],
    ["*.internal", "evilinternal", "10.0.0.1", 80, false],
  ])("%s: %s at %s port %i", (rule, host, address, port, isAllowed) => {
    const refusal = verdict(createEgress({ allow: [rule], deny: [] }), host, address, port);
    expect(refusal === undefined).toBe(isAllowed);
  });
});

describe("the node's deny list", () => {
  it.each([
    ["10.0.0.0/8", ["10.0.0.1"], "10.0.0.1", "10.0.0.1"],
    ["10.0.0.0/8", ["db.internal"], "db.internal", "10.0.0.1"],
    ["db.internal", ["10.0.0.0/8"], "db.internal", "10.0.0.1"],
    ["*.internal", ["db.internal"], "db.internal", "10.0.0.1"],
    ["8.8.8.8", [], "dns.example", "8.8.8.8"],
    ["10.0.0.0/8", ["::/0"], "x.example", "2002:a00:1::"],
    ["10.0.0.0/8", ["::/0"], "x.example", "2001:0:a00:1::f5ff:fffe"],
    ["10.0.0.0/8", ["::/0"], "x.example", "::a00:1"],
    ["10.0.0.0/8", ["64:ff9b::/32"], "x.example", "64:ff9b:1::a00:1"],
  ])("%s wins over %j for %s at %s", (deny, allow, host, address) => {
    expect(verdict(createEgress({ allow, deny: [deny] }), host, address)).toBe(
      `${host === address || deny.includes("internal") ? host : `${address} (${host})`} is on the node's deny list (--egress-deny ${deny})`,
    );
  });

  it("applies to one port where it names one", () => {
    const egress = createEgress({ allow: ["127.0.0.1"], deny: ["127.0.0.1:4222"] });
    expect(verdict(egress, "127.0.0.1", "127.0.0.1", 4222)).toContain("deny list");
    expect(verdict(egress, "127.0.0.1", "127.0.0.1", 8080)).toBeUndefined();
  });

  it("takes the metadata addresses", () => {
    const egress = createEgress({ allow: ["0.0.0.0/0", "::/0"], deny: METADATA_ADDRESSES });
    for (const address of METADATA_ADDRESSES) expect(verdict(egress, address)).toContain("deny list");
    expect(verdict(egress, "127.0.0.1")).toBeUndefined();
  });
});
