import { expect, it } from "vitest";
import { QuietMemory } from "./quiet-memory.ts";

function create() {
  const count = { releases: 0 };
  const memory = new QuietMemory(() => {
    count.releases += 1;
  });
  /** The number of releases after each look. */
  const look = (...busy: boolean[]) =>
    busy.map((isBusy) => {
      memory.look(isBusy);
      return count.releases;
    });
  return { memory, look };
}

it("gives the memory back once after the start, in the second quiet look", () => {
  const { look } = create();
  expect(look(false, false, false, false)).toEqual([0, 1, 1, 1]);
});

it("waits for the end of the work, and for a look without an order", () => {
  const { memory, look } = create();
  expect(look(true, true, false)).toEqual([0, 0, 0]);
  memory.note();
  expect(look(false, false, true, false, false)).toEqual([0, 1, 1, 1, 1]);
});
