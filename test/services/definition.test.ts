/** A service on its own, without narun: which errors an action declares, which calls may be repeated, the order of its life. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { service } from "../../functions/sdk/index.ts";
import { startService, stopService } from "../../web/start/service.ts";

const NAMED = { name: "s", version: "1.0.0" };
const CONTEXT = { requestId: "r" } as never;

describe("an action", () => {
  it("throws the errors that it lists as declared ones, and no others of its service", async () => {
    const errors = { Lost: { status: 404 }, Busy: { status: 503 } };
    const made = service({ ...NAMED, errors }).action(
      "a",
      { input: z.enum(["Lost", "Busy"]), errors: ["Lost"] },
      (name, ctx) => {
        throw ctx.error(name);
      },
    );
    const call = (name: string) =>
      made.fetch(new Request("http://s/s.a", { method: "POST", body: JSON.stringify(name) }), {}, CONTEXT);
    expect((await call("Lost")).status).toBe(404);
    await expect(call("Busy")).rejects.toMatchObject({ name: "Busy" });
    expect(made.describe().actions[0]?.errors).toMatchObject([{ name: "Lost" }]);
  });

  it.each([
    [{}, { isIdempotent: false, isReadOnly: false, method: "POST", isTool: false }],
    [{ readOnly: true }, { isIdempotent: true, isReadOnly: true, method: "GET" }],
    [{ method: "GET" }, { isIdempotent: true, isReadOnly: true }],
    [{ method: "PUT" }, { isIdempotent: true, isReadOnly: false }],
    [{ method: "DELETE" }, { isIdempotent: true, isReadOnly: false }],
    [{ method: "PATCH" }, { isIdempotent: false, isReadOnly: false }],
    [{ method: "PUT", idempotent: false }, { isIdempotent: false }],
    [{ tool: true }, { isTool: true }],
  ] as const)("with %j is %j", (options, facts) => {
    const [described] = service(NAMED)
      .action("a", options, () => 1)
      .describe().actions;
    expect(described).toMatchObject(facts);
  });

  it("may answer one path by several methods, and none twice", () => {
    const first = service(NAMED).action("a", { path: "x/{id}", method: "PUT" }, () => 1);
    const both = first.action("b", { path: "x/{other}", method: "DELETE" }, () => 1);
    expect(both.describe().actions).toHaveLength(2);
    expect(() => both.action("c", { path: "x/{id}", method: "PUT" }, () => 1).describe()).toThrow(
      /both answer/,
    );
  });
});

describe("the life of a service", () => {
  const plan = { name: "s", isTrial: false };

  it("goes through all its handlers in their order, also where one of its end fails", async () => {
    const life: string[] = [];
    const note = (text: string) => async () => void life.push(await Promise.resolve(text));
    const made = service(NAMED)
      .onStart(note("start 1"))
      .onStart(note("start 2"))
      .onStop(note("stop 1"))
      .onStop(() => {
        throw new Error("no end");
      })
      .onStop(note("stop 2"));
    expect(await startService({ default: made }, {}, plan)).toEqual({ ok: true });
    await stopService((text) => life.push(text.split("\n", 1)[0] ?? ""));
    expect(life).toEqual(["start 1", "start 2", "stop 1", "onStop failed: Error: no end", "stop 2"]);
  });

  it("begins nothing behind a handler that fails, and nothing at all in a trial", async () => {
    const life: string[] = [];
    const made = service(NAMED)
      .onStart(() => {
        throw new Error("no luck");
      })
      .onStart(() => life.push("never"));
    expect(await startService({ default: made }, {}, plan)).toMatchObject({
      ...{ ok: false, code: "FUNCTION_START_FAILED", message: expect.stringContaining("no luck") },
    });
    expect(await startService({ default: made }, {}, { ...plan, isTrial: true })).toMatchObject({ ok: true });
    expect(life).toEqual([]);
  });
});
