import { describe, expect, it } from "vitest";
import { createBackoff } from "../../machine/backoff.ts";
import type { Host } from "../host.ts";
import { createHosts } from "./hosts.ts";

function setUp() {
  let nowMs = 1_000_000;
  const started: string[] = [];
  const ended: string[] = [];
  const hosts = createHosts({
    start(group) {
      started.push(group);
      return { close: async () => void ended.push(group) } as unknown as Host;
    },
    createBackoff: () => createBackoff({ firstMs: 20, maxMs: 80, forgetAfterMs: 60_000 }),
    nowMs: () => nowMs,
  });
  return { hosts, started, ended, pass: (ms: number) => (nowMs += ms) };
}

describe("the hosts of a node", () => {
  it("are one for each group, and the host of the group `default` is always kept", () => {
    const { hosts, started, ended } = setUp();
    hosts.of("default/a");
    hosts.of("default/a");
    expect(started).toEqual(["default", "default/a"]);
    hosts.of("default/b");
    hosts.releaseUnused((group) => group === "default/b");
    expect(ended).toEqual(["default/a"]);
  });

  it("start a function in quarantine that crashes again after a pause", async () => {
    const { hosts, pass } = setUp();
    hosts.crashed("default");
    hosts.crashed("default");
    hosts.crashed("default/a");
    let isOver = false;
    const soon = () => new Promise((resolve) => setImmediate(resolve));
    await Promise.all([hosts.pause("default"), hosts.pause("default/a")]);
    hosts.crashed("default/a");
    const pause = hosts.pause("default/a").then(() => {
      isOver = true;
    });
    await soon();
    expect(isOver).toBe(false);
    await pause;
    hosts.crashed("default/a");
    pass(100);
    await hosts.pause("default/a");
    // Several functions share a half: a limit that one function hits delays no other.
    for (let time = 0; time < 5; time++) hosts.crashed("default/~1a");
    await hosts.pause("default/~1a");
  });
});
