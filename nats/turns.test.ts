import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

test("runs so many at a time, in order, and gives the turn of one that fails to the next", async () => {
  const turns = createTurns(2);
  const begun: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const runs = gates.map(({ promise }, index) =>
    turns.run(() => {
      begun.push(index);
      return promise;
    }),
  );
  expect(begun).toEqual([0, 1]);
  gates[1]?.reject(new Error("no"));
  await expect(runs[1]).rejects.toThrow("no");
  expect(begun).toEqual([0, 1, 2]);
  for (const { resolve } of gates) resolve();
  await Promise.allSettled(runs);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  await turns.run(async () => undefined);
});
