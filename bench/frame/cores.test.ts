import { describe, expect, it } from "vitest";
import { boundOn, formatCores } from "./cores.ts";

const COSTS = { gateway: 20, host: 25, natsServer: 5 };

describe("the bound on a number of cores", () => {
  it("is the CPU time of all cores, with as many gateways and hosts as it needs", () => {
    expect(boundOn(8, COSTS)).toEqual({ allCores: 160_000, gateways: 4, hosts: 4, oneOfEach: 40_000 });
  });

  it("is not above that of all cores for one gateway and one host", () => {
    expect(boundOn(1, COSTS)).toMatchObject({ allCores: 20_000, oneOfEach: 20_000 });
  });

  it("is a table with three digits", () => {
    expect(formatCores([{ load: "GET hello", costs: { ...COSTS, natsServer: 6 } }]).slice(2)).toEqual([
      ["GET hello", "2", "39,200", "1, 1", "39,200"],
      ["GET hello", "8", "157,000", "4, 4", "40,000"],
      ["GET hello", "64", "1,250,000", "26, 32", "40,000"],
    ]);
  });
});
