import { expect, it } from "vitest";
import { CallsByToken } from "./calls-by-token.ts";

const TOKENS = ["p.1", "q.1", "p.01", "p.zz", "q.ZZ", "p.zzzzzzzzzzzzzzzz", "q.zzzzzzzzzzzzzzzz", "p.-", "1"];

it("finds each call by its own token, also where several have the same number, or none", () => {
  const calls = new CallsByToken();
  for (const token of TOKENS) calls.add(token, { token });
  for (const token of TOKENS) expect(calls.get(token)).toEqual({ token });
  expect(calls.get("r.1")).toBeUndefined();
});

it("finds the others when a call is over", () => {
  for (const over of TOKENS) {
    const calls = new CallsByToken();
    for (const token of TOKENS) calls.add(token, { token });
    calls.delete(over);
    calls.delete("r.1");
    expect(TOKENS.filter((token) => calls.get(token) === undefined)).toEqual([over]);
    calls.add(over, { token: over });
    expect(calls.get(over)).toEqual({ token: over });
  }
});
