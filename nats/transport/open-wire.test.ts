import { afterAll, describe, expect, it } from "vitest";
import { startTestNats } from "../../test/harness/nats.ts";
import { findDifference } from "./library-version.ts";
import { type OwnTransport, openWire } from "./open-wire.ts";
import { findProblem } from "./own.ts";
import type { WireOptions } from "./wire.ts";

const server = await startTestNats();
afterAll(() => server.close());

const options: WireOptions = {
  servers: [server.url],
  readTls: () => undefined,
  onSocketError: () => undefined,
};

const OTHER: OwnTransport = {
  findProblem: () => "it is 9.9.9",
  connectOwn: () => Promise.reject(new Error("it is not used")),
};

describe("a connection that wants the own transport", () => {
  it("has it with the client library that is installed", () => {
    expect(findProblem()).toBeUndefined();
  });

  it.each([
    ["of another version", () => Promise.resolve(OTHER), "it is 9.9.9"],
    ["that has lost a file", () => Promise.reject(new Error("Cannot find module x")), "Cannot find module x"],
  ])("is plain with a library %s, and says so", async (_what, load, reason) => {
    const warnings: string[] = [];
    const choice = { wanted: "own", onWarning: (text: string) => warnings.push(text), load } as const;
    const { wire, transport } = await openWire(options, choice);
    await wire.connection.flush();
    await wire.connection.close();
    expect(transport).toBe("plain");
    expect(warnings).toEqual([expect.stringContaining(reason)]);
  });
});

describe("the insides of the library", () => {
  const method = () => undefined;
  const names = ["_send", "connect", "dial", "peekInfo", "startTLS", "setupHandlers"];
  const transport = Object.fromEntries(names.map((name) => [name, method]));
  const insides = { version: "3.4.0", transport, functions: { connect: method } };

  it.each([
    ["as they were", insides, undefined],
    ["of another version", { ...insides, version: "3.4.1" }, "is 3.4.1"],
    ["without a method", { ...insides, transport: { ...transport, dial: undefined } }, "no dial"],
    ["without a function", { ...insides, functions: { connect: undefined } }, "no connect"],
  ])("%s", (_what, found, difference) => {
    if (difference === undefined) expect(findDifference(found)).toBeUndefined();
    else expect(findDifference(found)).toContain(difference);
  });
});
