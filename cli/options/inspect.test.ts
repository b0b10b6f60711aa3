import { expect, test } from "vitest";
import { splitInspect } from "./inspect.ts";
import type { Source } from "./option.ts";

const source: Source = { kind: "flag", name: "--inspect" };
const given = (text: string | boolean | undefined) =>
  text === undefined ? undefined : { texts: typeof text === "string" ? [text] : [], source };

const LOOPBACK = { host: "127.0.0.1", port: 9229 };

test.each([
  [undefined, "hello", { address: undefined, dir: "hello" }],
  [true, "hello", { address: LOOPBACK, dir: "hello" }],
  [true, undefined, { address: LOOPBACK, dir: undefined }],
  ["0.0.0.0:9000", "hello", { address: { host: "0.0.0.0", port: 9_000 }, dir: "hello" }],
  ["[::1]:0", undefined, { address: { host: "::1", port: 0 }, dir: undefined }],
  // `narun dev --inspect hello`: the text behind the flag is the folder.
  ["hello", undefined, { address: LOOPBACK, dir: "hello" }],
])("--inspect %j with the argument %j", (flag, dir, expected) => {
  expect(splitInspect(given(flag), dir)).toEqual(expected);
});

test("a text that is neither is refused", () => {
  expect(() => splitInspect(given("9229"), "hello")).toThrow("--inspect takes HOST:PORT");
  expect(() => splitInspect(given("localhost:99999"), undefined)).toThrow("--inspect takes HOST:PORT");
});
