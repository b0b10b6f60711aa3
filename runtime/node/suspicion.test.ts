import { describe, expect, it } from "vitest";
import { isHalf, isQuarantine } from "./groups.ts";
import { MAX_QUARANTINES, MAX_SEARCHES, SUSPICION_MS, Suspicion } from "./suspicion.ts";

const DAY_MS = 24 * 3_600_000;

/** Functions that always run, each in the host of its group. */
function setUp(count: number) {
  const suspicion = new Suspicion();
  const names = Array.from({ length: count }, (_, at) => `f${at}`);
  let nowMs = 0;
  const groups = () => new Set(names.map((name) => suspicion.groupOf("default", name)));
  const aboard = (group: string) => names.filter((name) => suspicion.groupOf("default", name) === group);
  const pass = (ms: number) => {
    nowMs += ms;
    suspicion.expire(nowMs);
  };
  const kill = (group: string) =>
    suspicion.hostDied(
      group,
      aboard(group).map((name) => ({ name, generation: "g" })),
      nowMs,
    );
  /** Each guilty function takes its host down, once. Returns how many hosts died. */
  const misbehave = (...guilty: string[]) => {
    const dying = new Set(guilty.map((name) => suspicion.groupOf("default", name)));
    for (const group of dying) kill(group);
    return dying.size;
  };
  return { suspicion, names, groups, aboard, pass, kill, misbehave };
}

describe("suspicion", () => {
  it("moves no function after one death, and none after two that are far apart", () => {
    const { groups, kill, pass } = setUp(40);
    kill("default");
    pass(SUSPICION_MS);
    kill("default");
    expect([...groups()]).toEqual(["default"]);
  });

  it("halves the functions of a host that dies twice within a minute", () => {
    const { aboard, groups, kill, pass } = setUp(40);
    kill("default");
    pass(SUSPICION_MS - 1);
    expect(kill("default")).toMatchObject({ kind: "halved" });
    expect([...groups()].map((group) => [isHalf(group), aboard(group).length])).toEqual([
      [true, 20],
      [true, 20],
    ]);
  });

  it("suspects no function that was in the host only once, and none that came later", () => {
    const { suspicion } = setUp(0);
    const died = (...names: string[]) =>
      suspicion.hostDied(
        "default",
        names.map((name) => ({ name, generation: "g" })),
        0,
      );
    died("a", "b", "c");
    expect(died("b", "c", "d")).toEqual({ kind: "halved", suspects: ["b", "c"] });
    for (const name of ["a", "d", "e"]) expect(suspicion.groupOf("default", name)).toBe("default");
  });

  it("puts suspects together again after a minute in which their hosts lived", () => {
    const { suspicion, groups, kill, pass } = setUp(40);
    kill("default");
    kill("default");
    expect(suspicion.nextEndMs()).toBe(SUSPICION_MS);
    pass(SUSPICION_MS);
    expect([...groups()]).toEqual(["default"]);
    expect(suspicion.nextEndMs()).toBeUndefined();
  });

  it.each([1, 2, 3, 7, 40, 300])(
    "finds the function of %d that takes its host down, and clears the others",
    (n) => {
      const { suspicion, names, aboard, groups, pass, misbehave } = setUp(n);
      const guilty = `f${Math.floor(n * 0.7)}`;
      let deaths = 0;
      while (!isQuarantine(suspicion.groupOf("default", guilty))) {
        deaths += misbehave(guilty);
        pass(1_000);
      }
      expect(deaths).toBeLessThanOrEqual(3 + Math.ceil(Math.log2(n)));
      expect(aboard("default")).toEqual(names.filter((name) => name !== guilty));
      // From now on no other function's host dies, and the time in quarantine doubles.
      for (let time = 1; time < 20; time++) {
        misbehave(guilty);
        pass(Math.min(DAY_MS, SUSPICION_MS * 2 ** time) - 1);
        expect(suspicion.groupOf("default", guilty)).toBe(`default/${guilty}`);
      }
      pass(1);
      expect([...groups()]).toEqual(["default"]);
    },
  );

  it("finds several functions at a time", () => {
    const { suspicion, aboard, pass, misbehave } = setUp(100);
    const guilty = ["f3", "f40", "f41", "f77"];
    for (let second = 0; second < 60; second++) {
      misbehave(...guilty);
      pass(1_000);
    }
    expect(guilty.filter((name) => !isQuarantine(suspicion.groupOf("default", name)))).toEqual([]);
    expect(aboard("default").length).toBe(96);
  });

  it("never needs more hosts than its bound, and ends with one", () => {
    const { groups, pass, kill } = setUp(200);
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let time = 0; time < 20_000; time++) {
      const all = [...groups()];
      kill(all[random(all.length)] ?? "default");
      pass(random(5_000));
      expect(groups().size).toBeLessThanOrEqual(2 + 2 * MAX_SEARCHES + MAX_QUARANTINES);
    }
    pass(DAY_MS);
    expect([...groups()]).toEqual(["default"]);
  });

  it("has one host for all in quarantine beyond the bound", () => {
    const { suspicion, names, groups } = setUp(30);
    for (const name of names) expect(suspicion.quarantine("default", { name, generation: "g" })).toBe(true);
    expect(groups().size).toBe(MAX_QUARANTINES + 1);
  });

  it("keeps a function that took V8's control away in quarantine until its spec changes", () => {
    const { suspicion, pass, kill } = setUp(2);
    expect(suspicion.quarantine("default", { name: "f0", generation: "g" })).toBe(true);
    expect(suspicion.quarantine("default", { name: "f0", generation: "g" })).toBe(false);
    kill("default/f0");
    pass(10 * DAY_MS);
    expect(suspicion.forgive("f0", "g")).toBe(false);
    expect(suspicion.groupOf("default", "f0")).toBe("default/f0");
    expect(suspicion.forgive("f0", "h")).toBe(true);
    expect(suspicion.groupOf("default", "f0")).toBe("default");
  });
});
