import { describe, expect, it } from "vitest";
import { createRandom } from "../../../test/soak/random.ts";
import { MAX_CALLS, PROGRESS_LENGTH, placeOf } from "../../../web/index.ts";
import { HandedEntries } from "./handed-entries.ts";

/** An isolate that runs what it has as the steps say, and notes it as the platform does. */
function createModel() {
  const noted: number[] = Array.from({ length: PROGRESS_LENGTH }, () => 0);
  const handed = new HandedEntries<{ owner: number; number: number }>((call) => noted[placeOf(call)] ?? 0);
  const begun: number[] = [];
  const ended: number[] = [];
  let added = 0;
  let received = 0;
  let made = 0;
  let over = 0;
  let isRunning = false;
  return {
    handed,
    begun,
    ended,
    get added() {
      return added;
    },
    call(owners: readonly number[]) {
      if (handed.callsUnderWay === MAX_CALLS) return;
      for (const owner of owners) {
        added += 1;
        handed.add({ owner, number: added });
      }
      handed.beginCall();
      made += 1;
    },
    /** The call that the isolate works on receives its messages and begins entries, and ends if `isLast`. */
    run(count: number, isLast: boolean) {
      if (over === made) return;
      if (!isRunning) received = added;
      isRunning = true;
      for (let at = 0; at < count && begun.length < received; at++) {
        begun.push(begun.length + 1);
        noted[placeOf(over + 1)] = begun.length;
      }
      if (!isLast) return;
      over += 1;
      isRunning = false;
    },
    /** The host learns of the end of its first call. */
    end() {
      if (made - handed.callsUnderWay === over) return;
      for (const { number } of handed.endCall()) ended.push(number);
    },
  };
}

const RUNS = 300;
const STEPS = 60;

describe("entries that an isolate has", () => {
  it("end once, in order, and only after they have begun; the ones that have not begun are known", () => {
    for (let seed = 0; seed < RUNS; seed++) {
      const random = createRandom(seed);
      const model = createModel();
      for (let step = 0; step < STEPS; step++) {
        const owners = Array.from({ length: random.between(0, 6) }, () => random.between(1, 5));
        const kind = random.pick(["call", "run", "end"]);
        if (kind === "call") model.call(owners);
        else if (kind === "run") model.run(random.between(0, 6), random.next() < 0.5);
        else model.end();
        expect(model.ended).toEqual(model.begun.slice(0, model.ended.length));
        const open = model.handed.begun.map(({ number }) => number);
        expect([...model.ended, ...open]).toEqual(model.begun);
        expect(model.handed.running).toBeLessThanOrEqual(model.begun.length);
        expect(model.handed.count).toBe(model.added - model.ended.length);
      }
    }
  });

  it("are charged to the owners that have run since the last charge", () => {
    const noted = [0, 0, 0];
    const handed = new HandedEntries<{ owner: number }>((call) => noted[placeOf(call)] ?? 0);
    for (const owner of [7, 8, 9]) handed.add({ owner });
    handed.beginCall();
    noted[placeOf(1)] = 2;
    expect([handed.owner, handed.ownersFrom(0)]).toEqual([8, [7, 8]]);
    noted[placeOf(1)] = 3;
    expect([handed.owner, handed.ownersFrom(2)]).toEqual([9, [8, 9]]);
    // The second call works already: the first one's last entry counts until its end is known.
    handed.add({ owner: 10 });
    handed.beginCall();
    noted[placeOf(2)] = 4;
    expect([handed.owner, handed.running]).toEqual([9, 3]);
    handed.endCall();
    expect([handed.owner, handed.running, handed.ownersFrom(3)]).toEqual([10, 4, [10]]);
    handed.endCall();
    expect([handed.owner, handed.count]).toEqual([0, 0]);
  });
});
