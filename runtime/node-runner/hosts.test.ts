import { describe, expect, it } from "vitest";
import { createBackoff } from "../host/backoff.ts";
import type { Host } from "../host/host.ts";
import { createHosts } from "./hosts.ts";

function setUp() {
  let nowMs = 1_000_000;
  const started: string[] = [];
  const hosts = createHosts({
    start(group) {
      started.push(group);
      return { close: async () => undefined } as unknown as Host;
    },
    createBackoff: () => createBackoff({ firstMs: 20, maxMs: 80, forgetAfterMs: 60_000 }),
    nowMs: () => nowMs,
  });
  return { hosts, started, pass: (ms: number) => (nowMs += ms) };
}

describe("the hosts of a node", () => {
  it("are one for each trust group, and one for a function that is kept apart until it changes", () => {
    const { hosts, started } = setUp();
    expect(hosts.groupOf("default", "a")).toBe("default");
    expect(hosts.keepApart("a", "g1")).toBe(true);
    expect(hosts.keepApart("a", "g1")).toBe(false);
    expect([hosts.groupOf("default", "a"), hosts.groupOf("default", "b")]).toEqual(["default/a", "default"]);
    hosts.of("default/a");
    hosts.of("default/a");
    expect(started).toEqual(["default", "default/a"]);
    hosts.forgive("a", "g1");
    expect(hosts.groupOf("default", "a")).toBe("default/a");
    hosts.forgive("a", "g2");
    expect(hosts.groupOf("default", "a")).toBe("default");
  });

  it("make suspects of their functions where they die twice within a minute, and not where one is alone", () => {
    const { hosts, pass } = setUp();
    expect(hosts.died("default")).toBe(false);
    pass(61_000);
    expect(hosts.died("default")).toBe(false);
    pass(59_000);
    expect(hosts.died("default")).toBe(true);
    hosts.died("default/a");
    expect(hosts.died("default/a")).toBe(false);
  });

  it("start what is kept apart, and crashes again, after a pause", async () => {
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
  });
});
