import { expect, test } from "vitest";
import { splitInspect } from "./inspect-option.ts";

const LOOPBACK = { host: "127.0.0.1", port: 9229 };

test.each([
  [undefined, "hello", { address: undefined, dir: "hello" }],
  [true, "hello", { address: LOOPBACK, dir: "hello" }],
  [true, undefined, { address: LOOPBACK, dir: undefined }],
  ["0.0.0.0:9000", "hello", { address: { host: "0.0.0.0", port: 9_000 }, dir: "hello" }],
  ["[::1]:0", undefined, { address: { host: "::1", port: 0 }, dir: undefined }],
  // `narun dev --inspect hello`: what follows is the folder.
  ["hello", undefined, { address: LOOPBACK, dir: "hello" }],
])("--inspect %j with the argument %j", (flag, dir, expected) => {
  expect(splitInspect(flag, dir)).toEqual(expected);
});

test("what is neither is told", () => {
  expect(() => splitInspect("9229", "hello")).toThrow("--inspect takes HOST:PORT");
  expect(() => splitInspect("localhost:99999", undefined)).toThrow("--inspect takes HOST:PORT");
});
