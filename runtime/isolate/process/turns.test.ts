import { describe, expect, it } from "vitest";
import { createRandom } from "../../../test/soak/random.ts";
import { Turns } from "./turns.ts";

const SEEDS = Array.from({ length: 100 }, (_, seed) => seed);
/** The owners of many items, by a seed. */
const ownersOf = (seed: number) => {
  const random = createRandom(seed);
  return Array.from({ length: random.between(0, 200) }, () => random.between(0, 4));
};
const all = () => true;

function filled(of: readonly number[]) {
  const turns = new Turns<{ owner: number; n: number }>();
  for (const [n, owner] of of.entries()) turns.put({ owner, n });
  return turns;
}

describe("turns", () => {
  it("bring out everything, each owner's own in its order", () => {
    for (const of of SEEDS.map(ownersOf)) {
      const turns = filled(of);
      const out = of.map(() => turns.take(all));
      expect(turns.take(all)).toBeUndefined();
      expect(turns.isEmpty).toBe(true);
      for (const owner of new Set(of)) {
        const own = out.flatMap((item) => (item?.owner === owner ? [item.n] : []));
        expect(own).toEqual(of.flatMap((other, n) => (other === owner ? [n] : [])));
      }
    }
  });

  it("let nobody wait for more than one of each other owner, however much those have", () => {
    for (const of of SEEDS.map(ownersOf)) {
      const turns = filled([...Array.from({ length: 1_000 }, () => 5), ...of, 6]);
      let before = 0;
      while (turns.take(all)?.owner !== 6) before += 1;
      expect(before).toBeLessThanOrEqual(new Set(of).size + 1);
    }
  });

  it("pass over who may not go on, and keep its turn", () => {
    const turns = filled([1, 1, 2, 2]);
    expect(turns.take((owner) => owner !== 1)?.n).toBe(2);
    expect(turns.take(all)?.n).toBe(0);
    expect(turns.take(() => false)).toBeUndefined();
    expect([turns.take(all)?.n, turns.take(all)?.n]).toEqual([3, 1]);
  });
});
