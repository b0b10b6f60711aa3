import { describe, expect, it } from "vitest";
import { formatSocketAddress, parseSocketAddress, SocketAddressSchema } from "./socket-address.ts";

const machine = "0123456789abcdef0123456789abcdef";

describe("the address of a socket", () => {
  it("comes out of its text as it went in, with spaces in its path", () => {
    const address = { machine, number: 4_294_967_295, path: "/tmp/my folder/narun-x/h1/s" };
    expect(formatSocketAddress(address)).toBe(`${machine} 4294967295 /tmp/my folder/narun-x/h1/s`);
    expect(parseSocketAddress(formatSocketAddress(address))).toEqual(address);
  });

  it.each([
    "",
    "0123 1 /tmp/a/s",
    `${machine} 4294967296 /tmp/a/s`,
    `${machine} -1 /tmp/a/s`,
    `${machine} 1 tmp/a/s`,
    `${machine} 1 /var/run/docker.sock`,
    `${machine} 1 /tmp/a\0/s`,
    `${machine} 1 /tmp/a\n/s`,
    `${machine} 1 /${"a".repeat(98)}/s`,
    `${machine} 1 /${"ü".repeat(49)}/s`,
  ])("is not read from %j", (text) => expect(parseSocketAddress(text)).toBeUndefined());

  it("is checked where it comes as JSON", () => {
    const path = "/tmp/a/s";
    expect(SocketAddressSchema.safeParse({ machine, path, number: 7 }).success).toBe(true);
    expect(SocketAddressSchema.safeParse({ machine, path: "/tmp/a/t", number: 7 }).success).toBe(false);
    expect(SocketAddressSchema.safeParse({ machine, path, number: 0.5 }).success).toBe(false);
  });
});
