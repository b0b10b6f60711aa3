import { expect, it } from "vitest";
import { Askers } from "./askers.ts";
import { NotedRequest } from "./noted-request.ts";

const keeper = { mayGetLost: () => false, keep: () => undefined };

it("forgets the asker that it heard of least lately, and none with a request under way", () => {
  const askers = new Askers();
  const busy = new NotedRequest(keeper, askers.of("busy."), 1);
  askers.of("first.");
  for (let count = 0; count < 62; count++) askers.of(`${count}.`);
  askers.of("first.");
  expect(askers.hasForgotten).toBe(false);
  askers.of("next.");
  expect(askers.hasForgotten).toBe(true);
  const known = () =>
    ["busy.", "first.", "0.", "1.", "next."].filter((prefix) => askers.get(prefix) !== undefined);
  expect(known()).toEqual(["busy.", "first.", "1.", "next."]);
  busy.end();
  for (let count = 0; count < 64; count++) askers.of(`new ${count}.`);
  expect(known()).toEqual([]);
});

it("finds the asker of an id by its prefix alone", () => {
  const askers = new Askers();
  const [short, long] = [askers.of("a."), askers.of("a.b.")];
  expect([askers.ofId("a.b.1", 4), askers.ofId("a.b", 2), askers.ofId("a.b.1", 4)]).toEqual([
    long,
    short,
    long,
  ]);
  expect(askers.ofId("c.1", 2).prefix).toBe("c.");
});
