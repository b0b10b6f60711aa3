import { describe, expect, it } from "vitest";
import { callJson } from "../../testing/sandbox.ts";

/** Evaluates an expression inside an isolate, as JSON. */
const evaluate = (expression: string) =>
  callJson(`export default async () => Response.json(await (async () => (${expression}))())`);

describe("Request", () => {
  it("has method, URL, headers and body of what came in", async () => {
    const seen = await callJson(
      `export default async (request) => Response.json([request.method, request.url, [...request.headers], await request.text(), request.bodyUsed])`,
      {
        method: "POST",
        url: "http://host/a%20b?c=d",
        headers: [
          ["x-b", "2"],
          ["x-a", "1"],
          ["x-b", "3"],
        ],
        body: new TextEncoder().encode("grüße"),
      },
    );
    expect(seen).toEqual([
      "POST",
      "http://host/a%20b?c=d",
      [
        ["x-a", "1"],
        ["x-b", "2, 3"],
      ],
      "grüße",
      true,
    ]);
  });

  it("hands a body over once, and a clone of it once more", async () => {
    expect(
      await callJson(
        `export default async (request) => {
          const copy = request.clone();
          const first = await request.text();
          const second = await copy.text();
          const third = await request.text().catch((error) => error.name);
          return Response.json([first, second, third]);
        }`,
        { method: "POST", body: new TextEncoder().encode("once") },
      ),
    ).toEqual(["once", "once", "TypeError"]);
  });

  it.each([
    ['new Request("/relative")'],
    ['new Request("http://a", { method: "GET", body: "x" })'],
    ['new Request("http://a", { method: "TRACE" })'],
    ['new Request("http://user:pass@a")'],
  ])("refuses %s", async (expression) => {
    expect(
      await evaluate(
        `(() => { try { ${expression}; return "made" } catch (error) { return error.name } })()`,
      ),
    ).toBe("TypeError");
  });
});
