import { expect, it } from "vitest";
import { Receivers } from "./receivers.ts";

it("shows the frames of a subject to its last taker, until that one leaves", () => {
  const frames = new Receivers();
  const [first, second] = [1, 2].map(() => ({ beginData: () => true, data: () => undefined }));
  if (first === undefined || second === undefined) return;
  const leaveFirst = frames.takeData("a", first);
  const leaveSecond = frames.takeData("a", second);
  leaveFirst();
  expect(frames.sinkOf("a")).toBe(second);
  leaveSecond();
  expect(frames.sinkOf("a")).toBeUndefined();
});
