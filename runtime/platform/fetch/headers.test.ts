import { describe, expect, it } from "vitest";
import { callJson } from "../../testing/sandbox.ts";

/** Evaluates an expression inside an isolate, as JSON. */
const evaluate = (expression: string) =>
  callJson(`export default async () => Response.json(await (async () => (${expression}))())`);

describe("Headers", () => {
  it.each([
    [
      "[...new Headers({ B: '2', a: ' 1 ' })]",
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ],
    ["new Headers([['a', '1'], ['A', '2']]).get('a')", "1, 2"],
    ["new Headers([['Set-Cookie', 'a'], ['set-cookie', 'b']]).getSetCookie()", ["a", "b"]],
    ["(() => { const h = new Headers({ a: '1' }); h.delete('A'); return h.has('a') })()", false],
    ["[...new Headers(new Headers({ a: '1' })).values()]", ["1"]],
  ])("%s is %j", async (expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected);
  });

  it.each([
    "new Headers({ 'a b': '1' })",
    "new Headers({ a: '1\\r\\nb: 2' })",
    "new Headers({ a: '\\u0100' })",
    "new Headers([['a']])",
  ])("refuses %s", async (expression) => {
    expect(
      await evaluate(
        `(() => { try { ${expression}; return "made" } catch (error) { return error.name } })()`,
      ),
    ).toBe("TypeError");
  });
});
