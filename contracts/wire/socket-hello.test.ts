import { expect, it } from "vitest";
import { SOCKET_VERSION } from "./socket-frames.ts";
import { GatewayHelloSchema } from "./socket-hello.ts";

const HELLO = { version: SOCKET_VERSION, machine: "m", world: "w", prefix: "_INBOX.x.", peer: "p" };
const isTaken = (prefix: string) => GatewayHelloSchema.safeParse({ ...HELLO, prefix }).success;

it("takes only a prefix that subjects can have", () => {
  expect(isTaken(HELLO.prefix)).toBe(true);
  for (const prefix of ["", "_INBOX x.", "_INBOX\r\n.", "_INBOX.>.", "_INBOX.*.", "_INBOX.x"])
    expect([prefix, isTaken(prefix)]).toEqual([prefix, false]);
});
