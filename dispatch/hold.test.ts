import { describe, expect, it } from "vitest";
import { createHold, type Holdable, type HoldLimits } from "./hold.ts";

const limits: HoldLimits = {
  maxRequestsPerService: 3,
  maxBytesPerService: 100,
  maxRequests: 4,
  maxBytes: 150,
};
const request = (service: string, order: number, bytes = 1, isStreamed = false): Holdable => ({
  service,
  order,
  bytes,
  isStreamed,
});

describe("the hold queue", () => {
  it("hands requests out in the order of their arrival, also those that come back", () => {
    const hold = createHold(limits);
    const [first, second, third] = [request("a", 1), request("a", 2), request("a", 3)];
    hold.admit(second);
    hold.admit(third);
    hold.readmit(first);
    expect(hold.all("a")).toEqual([first, second, third]);
    hold.remove(second);
    expect(hold.first("a")).toBe(first);
    expect(hold.all("a")).toEqual([first, third]);
  });

  it.each([
    ["requests of a service", [request("a", 1), request("a", 2), request("a", 3)], request("a", 4)],
    ["bytes of a service", [request("a", 1, 99)], request("a", 2, 2)],
    [
      "requests in all",
      [request("a", 1), request("b", 2), request("c", 3), request("d", 4)],
      request("e", 5),
    ],
    ["bytes in all", [request("a", 1, 90), request("b", 2, 60)], request("c", 3)],
  ])("is bounded in %s, and has room again when one leaves", (_what, admitted, next) => {
    const hold = createHold(limits);
    for (const one of admitted) expect(hold.admit(one)).toBe(true);
    expect(hold.admit(next)).toBe(false);
    hold.remove(admitted[0] as Holdable);
    expect(hold.admit(next)).toBe(true);
  });

  it("takes back a request that was admitted before, full or not", () => {
    const hold = createHold(limits);
    for (let order = 1; order <= 3; order++) hold.admit(request("a", order));
    hold.readmit(request("a", 0));
    expect(hold.count("a")).toBe(4);
  });

  it("lets whole requests overtake those whose bodies still come, and those go on all the same", () => {
    const hold = createHold({ ...limits, maxRequestsPerService: 100, maxRequests: 100 });
    for (let order = 0; order < 10; order++) hold.admit(request("a", order, 1, true));
    for (let order = 10; order < 30; order++) hold.admit(request("a", order));
    const left: number[] = [];
    for (let one = hold.first("a"); one !== undefined; one = hold.first("a")) {
      left.push(one.order);
      hold.remove(one);
    }
    const whole = left.filter((order) => order >= 10);
    expect(left.slice(0, 18)).toEqual([...whole.slice(0, 8), 0, ...whole.slice(8, 16), 1]);
    expect(whole).toEqual(whole.toSorted((one, other) => one - other));
    expect(left).toHaveLength(30);
    expect(hold.services()).toEqual([]);
  });

  it("counts nothing twice when a request is removed that is not there", () => {
    const hold = createHold(limits);
    const one = request("a", 1, 100);
    hold.admit(one);
    hold.remove(request("a", 1, 100));
    hold.remove(request("b", 1));
    expect(hold.count("a")).toBe(1);
    hold.remove(one);
    hold.remove(one);
    expect(hold.services()).toEqual([]);
    expect(hold.admit(request("a", 2, 100))).toBe(true);
  });
});
