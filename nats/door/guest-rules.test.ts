import { expect, it } from "vitest";
import { createGuestRules, openRules } from "./guest-rules.ts";

const rules = createGuestRules({
  service: "orders",
  publish: ["events.>", "log.*", "one"],
  subscribe: ["news.>", "told.*"],
});

it.each([
  ["orders", true],
  ["orders.v2.get", true],
  ["order", false],
  [">", false],
  ["*", false],
  ["$SRV.PING", true],
  ["$SRV.*", true],
  ["$SRV.PING.orders", true],
  ["$SRV.INFO.orders.id", true],
  ["$SRV.PING.other", false],
  ["$SRV.*.*", false],
  ["$SRV.>", false],
  ["$SRV.DRAIN", false],
  ["_INBOX.abcdefghijkl.*", true],
  ["_INBOX.abcdefghijkl.1", true],
  ["_INBOX.>", false],
  ["_INBOX.*.1", false],
  ["_INBOX.short", false],
  ["news.a", true],
  ["news.>", true],
  ["told.me", true],
  ["told.*", true],
  ["told.>", false],
  ["narun.x.node.n", false],
  ["$JS.API.>", false],
])("a program may hear %s: %s", (subject, may) => {
  expect(rules.maySubscribe(subject)).toBe(may);
});

it.each([
  ["events.a.b", true],
  ["log.a", true],
  ["log.a.b", false],
  ["one", true],
  ["orders", false],
  ["_INBOX.abcdefghijkl.1", false],
  ["narun.x.demand.n", false],
])("a program may publish to %s: %s", (subject, may) => {
  expect(rules.mayPublish(subject)).toBe(may);
});

it("a service of the original toolkit may use all but narun's own subjects", () => {
  expect(["a", "$JS.API.INFO", "narun.x.node.n", "narun"].map(openRules.mayPublish)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(["a.>", "_INBOX.>", "narun.>", ">"].map(openRules.maySubscribe)).toEqual([true, true, false, false]);
});
