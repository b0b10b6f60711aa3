import { expect, it } from "vitest";
import { FinishedIds } from "./finished-ids.ts";

const idOf = (id: number) => (id % 7 === 0 ? "x".repeat(100) + id : id % 11 === 0 ? "" : `request-${id}`);

it("keeps the ids of the newest thousand, short and long ones", () => {
  const ids = new FinishedIds();
  expect(ids.find(1)).toBeUndefined();
  for (let id = 1; id <= 10_000; id++) {
    ids.add(id, idOf(id));
    for (const earlier of [id, id - 15, id - 1_000])
      if (earlier > 0) expect([earlier, ids.find(earlier)]).toEqual([earlier, idOf(earlier)]);
  }
  expect(ids.find(8_000)).toBeUndefined();
  expect(ids.find(10_001)).toBeUndefined();
});

it("keeps an id whose request took long", () => {
  const ids = new FinishedIds();
  for (let id = 2; id <= 3_000; id++) ids.add(id, idOf(id));
  ids.add(1, "slow");
  expect(ids.find(1)).toBe("slow");
});
