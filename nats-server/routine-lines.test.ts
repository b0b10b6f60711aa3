import { expect, it } from "vitest";
import { isRoutine } from "./routine-lines.ts";

it("keeps quiet about a server that looks for its cluster, and tells of one that does not find it", () => {
  const line = "[WRN] JetStream has not established contact with a meta leader";
  expect([isRoutine(line, 400), isRoutine(line, 60_000)]).toEqual([true, false]);
  expect(isRoutine("[WRN] Metalayer blocking snapshot took 0.002s (streams: 19)", 60_000)).toBe(true);
  expect(isRoutine("[WRN] Metalayer blocking snapshot took 7.102s (streams: 19)", 60_000)).toBe(false);
  for (const other of ["[ERR] JetStream out of resources, will be DISABLED", "[WRN] Waiting", "[FTL] x"])
    expect(isRoutine(other, 1)).toBe(false);
});
