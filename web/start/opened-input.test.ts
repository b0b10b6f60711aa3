import { expect, it } from "vitest";
import { noteOpened, takeOpened } from "./opened-input.ts";
import { setOwner } from "./owner.ts";

const PLACE = '["call","orders","pay","request"]';
const opened = { label: "payments", place: PLACE, text: "clear" };

it("gives an input once, to its own request, text, place and label alone", () => {
  setOwner(7);
  noteOpened(7, "sealed", opened);
  expect(takeOpened("others", PLACE, "sealed")).toBeUndefined();
  expect(takeOpened("payments", '["call","orders","refund","request"]', "sealed")).toBeUndefined();
  expect(takeOpened("payments", PLACE, "another")).toBeUndefined();
  setOwner(8);
  expect(takeOpened("payments", PLACE, "sealed")).toBeUndefined();
  setOwner(7);
  expect(takeOpened("payments", PLACE, "sealed")).toBe("clear");
  expect(takeOpened("payments", PLACE, "sealed")).toBeUndefined();
});

it("forgets an input when the next request begins", () => {
  setOwner(7);
  noteOpened(7, "sealed", opened);
  noteOpened(8, "in clear", undefined);
  expect(takeOpened(undefined, PLACE, "sealed")).toBeUndefined();
});
