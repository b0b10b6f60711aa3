import { describe, expect, it } from "vitest";
import { CreditGate, CreditWindow } from "./credit.ts";
import { randomFrom } from "./testing/random.ts";

describe("a credit window", () => {
  function createWindow(windowBytes: number) {
    const grants: number[] = [];
    return { grants, window: new CreditWindow(windowBytes, (bytes) => grants.push(bytes)) };
  }

  it("grants all of itself first, then what was consumed, in halves", () => {
    const { grants, window } = createWindow(100);
    window.open();
    for (let n = 0; n < 5; n++) window.consumed(20);
    expect(grants).toEqual([100, 60]);
    expect({ owed: window.owed, available: window.available }).toEqual({ owed: 40, available: 160 });
  });

  it("counts what came, also beyond what was granted", () => {
    const { window } = createWindow(100);
    window.open();
    window.received(164);
    expect(window.available).toBe(-64);
  });

  it("keeps consumed bytes until they are to be paid back", () => {
    const { grants, window } = createWindow(100);
    window.owe(300);
    expect(grants).toEqual([]);
    window.repay(10);
    window.settle();
    expect(grants).toEqual([10, 290]);
  });
});

interface Passed {
  id: number;
  bytes: number;
  isLast: boolean;
}

describe("a credit gate", () => {
  function createGate(maxPartBytes: number) {
    const passed: Passed[] = [];
    const gate = new CreditGate<{ id: number; bytes: Uint8Array; overheadBytes: number }>(
      maxPartBytes,
      ({ id }, part, isLast) => passed.push({ id, bytes: part.byteLength, isLast }),
    );
    const write = (id: number, size: number, overheadBytes = 0) =>
      gate.write({ id, bytes: new Uint8Array(size), overheadBytes });
    return { gate, passed, write };
  }

  it("lets nothing through without credit, then parts as large as the credit is", () => {
    const { gate, passed, write } = createGate(8);
    write(1, 10);
    expect(passed).toEqual([]);
    gate.grant(3);
    gate.grant(20);
    expect(passed).toEqual([
      { id: 1, bytes: 3, isLast: false },
      { id: 1, bytes: 7, isLast: true },
    ]);
    write(2, 20);
    expect(passed.slice(2)).toEqual([
      { id: 2, bytes: 8, isLast: false },
      { id: 2, bytes: 5, isLast: false },
    ]);
    expect({ waiting: gate.waitingBytes, isOpen: gate.isOpen }).toEqual({ waiting: 7, isOpen: false });
  });

  it("charges the overhead of each part, and waits until it is paid back", () => {
    const { gate, passed, write } = createGate(100);
    for (const id of [1, 2]) write(id, 0, 64);
    gate.grant(1);
    gate.grant(63);
    expect(passed).toEqual([{ id: 1, bytes: 0, isLast: true }]);
    gate.grant(1);
    expect(passed).toHaveLength(2);
  });

  it("takes pieces and forgets them while it passes one on", () => {
    const order: number[] = [];
    const gate = new CreditGate<{ id: number; bytes: Uint8Array; overheadBytes: number }>(10, ({ id }) => {
      order.push(id);
      if (id === 1) gate.write({ id: 3, bytes: new Uint8Array(1), overheadBytes: 0 });
      if (id === 3) gate.clear();
    });
    for (const id of [1, 2, 4]) gate.write({ id, bytes: new Uint8Array(1), overheadBytes: 0 });
    gate.grant(100);
    expect(order).toEqual([1, 2, 4, 3]);
    expect({ waiting: gate.waitingBytes, isOpen: gate.isOpen }).toEqual({ waiting: 0, isOpen: true });
  });
});

describe("a gate and a window", () => {
  it("bring every byte once and in order, never more than the window under way, whatever the sizes and the timing", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomFrom(seed);
      const upTo = (most: number) => Math.floor(random() * (most + 1));
      const windowBytes = 1 + upTo(5_000);
      const overheadBytes = random() < 0.5 ? 0 : 64;
      const total = upTo(20_000);
      const underWay: number[] = [];
      const received: number[] = [];
      const grants: number[] = [];
      const gate = new CreditGate<{ bytes: Uint8Array; overheadBytes: number }>(
        1 + upTo(2_000),
        (_, part) => {
          underWay.push(part.byteLength + overheadBytes);
          received.push(...part);
        },
      );
      const window = new CreditWindow(windowBytes, (bytes) => grants.push(bytes));
      let written = 0;
      window.open();
      for (let step = 0; written < total || gate.waitingBytes > 0; step++) {
        expect(step).toBeLessThan(100_000);
        const choice = random();
        if (choice < 0.4 && written < total) {
          const size = Math.min(total - written, 1 + upTo(3_000));
          const bytes = Uint8Array.from({ length: size }, (_, at) => written + at);
          gate.write({ bytes, overheadBytes });
          written += size;
        } else if (choice < 0.7) {
          gate.grant(grants.shift() ?? 0);
        } else {
          const cost = underWay.shift() ?? 0;
          window.received(cost);
          window.consumed(cost);
        }
        const costs = underWay.reduce((sum, cost) => sum + cost, 0);
        expect(costs).toBeLessThanOrEqual(windowBytes + overheadBytes);
      }
      expect(received).toEqual(Array.from({ length: total }, (_, at) => at % 256));
    }
  });
});
