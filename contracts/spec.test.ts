import { describe, expect, it } from "vitest";
import { z } from "zod";
import { formatSpec, parseSpec } from "./spec.ts";
import { parseYaml } from "./yaml.ts";

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

  const text = `name: fn\nmode: isolate\nroutes:\n  - path: /fn\nenv:\n  - name: TEXT\n    value: "# { no: yaml }"\nrevision: ${"a".repeat(64)}\n`;

  it("is written as JSON, which readers of YAML read alike", () => {
    const parsed = parseSpec(text);
    if (!parsed.ok || parsed.value.kind !== "function") throw new Error("the text is a function");
    const { spec } = parsed.value;
    const written = formatSpec(spec);
    expect(JSON.parse(written)).toEqual(spec);
    expect(written.trimEnd().split("\n")).toHaveLength(1);
    expect(parseYaml(written, z.unknown())).toEqual({ ok: true, value: spec });
    expect(parseSpec(written)).toEqual(parsed);
  });

  it("is told where JSON has a fault, by its line", () => {
    const spec = { name: "fn", mode: "isolate", routes: [], revison: "a".repeat(64) };
    expect(parseSpec(JSON.stringify(spec, undefined, 2))).toMatchObject({
      ok: false,
      issues: expect.arrayContaining([{ line: 5, key: "revison", message: expect.any(String) }]),
    });
    expect(parseSpec('{"name": "fn"')).toMatchObject({ ok: false });
  });

  it("may be a service of the original toolkit in JSON", () => {
    expect(parseSpec('{"name": "users", "command": "./users"}')).toMatchObject({
      ok: true,
      value: { kind: "service", spec: { name: "users", mode: "exec" } },
    });
  });
});
