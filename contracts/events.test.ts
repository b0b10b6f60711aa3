import { expect, it } from "vitest";
import { EVENT_LANES, eventGroups, eventLane } from "./events.ts";

it("events of one key have one lane over all subjects; without a key those of one subject", () => {
  const subjects = Array.from({ length: 50 }, (_, at) => `orders.${at}.paid`);
  expect(new Set(subjects.map((subject) => eventLane(subject, "seven"))).size).toBe(1);
  expect(new Set(subjects.map((subject) => eventLane(subject, undefined))).size).toBe(EVENT_LANES);
  // Stored events keep their order only as long as this does not change.
  expect([eventLane("orders.paid", undefined), eventLane("orders.paid", "7"), eventLane("a", "ü")]).toEqual([
    eventLane("orders.paid", "orders.paid"),
    eventLane("stock.sold", "7"),
    eventLane("b", "ü"),
  ]);
});

it("each lane has one consumer of a durable handler", () => {
  const lanes = eventGroups()
    .flat()
    .sort((a, b) => a - b);
  expect(lanes).toEqual(Array.from({ length: EVENT_LANES }, (_, lane) => lane));
});
