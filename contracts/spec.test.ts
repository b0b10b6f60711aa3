import { describe, expect, it } from "vitest";
import { parseSpec } from "./spec.ts";

describe("an entry of app-configs", () => {
  it.each(["", "mode:\n", 'mode: ""\n', "mode: exec\n"])(
    "is a service of the original toolkit with %j",
    (mode) => {
      expect(parseSpec(`name: users\ntag: v1\ncommand: ./users\n${mode}`)).toMatchObject({
        ok: true,
        value: { kind: "service", spec: { name: "users", mode: "exec", args: [], nodes: [] } },
      });
    },
  );

  it("is a function by its mode", () => {
    const text = `name: fn\nmode: isolate\nroutes: []\nrevision: ${"a".repeat(64)}\n`;
    expect(parseSpec(text)).toMatchObject({ ok: true, value: { kind: "function", spec: { name: "fn" } } });
  });

  it("is refused with the nearest key where a function's is misspelt", () => {
    const parsed = parseSpec(`name: fn\nmode: isolate\nroutes: []\nrevison: x\n`);
    expect(parsed).toMatchObject({
      ok: false,
      issues: expect.arrayContaining([
        { line: 4, key: "revison", message: expect.stringContaining('did you mean "revision"?') },
      ]),
    });
  });
});
