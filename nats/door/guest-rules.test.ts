import { expect, it } from "vitest";
import { createGuestRules, guardedRules, openRules } from "./guest-rules.ts";

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

it.each([
  ["a", true],
  ["$JS.API.INFO", true],
  ["$JS.API.STREAM.CREATE.OWN", true],
  ["$KV.things.key", true],
  ["$KV.narun-secrets.key", false],
  ["$KV.app-configs.hello", false],
  ["$JS.API.DIRECT.GET.KV_narun-secrets.$KV.narun-secrets.key", false],
  ["$JS.API.STREAM.DELETE.KV_app-configs", false],
  ["$JS.API.STREAM.MSG.GET.narun-events", false],
  ["$O.app-binaries.C.1", false],
  ["$NARUN.join", false],
  ["narun.x.node.n", false],
])("in a network with logins it may publish to %s: %s", (subject, may) => {
  expect(guardedRules.mayPublish(subject)).toBe(may);
});

it.each([
  ["a.>", true],
  ["$SRV.PING", true],
  ["_INBOX.abcdefghijkl.*", true],
  ["_INBOX.>", false],
  ["_NODE.>", false],
  ["$KV.narun-secrets.>", false],
  ["$NARUN.join", false],
  [">", false],
])("in a network with logins it may hear %s: %s", (subject, may) => {
  expect(guardedRules.maySubscribe(subject)).toBe(may);
});
