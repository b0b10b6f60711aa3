import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createSpecReader, FunctionSpecSchema, formatSpec, parseSpec } from "./spec.ts";
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

describe("a reader of many specs", () => {
  const specOf = (name: string, limit = 5) =>
    formatSpec(
      FunctionSpecSchema.parse({
        ...{ name, mode: "isolate", routes: [{ path: `/${name}` }], revision: "a".repeat(64) },
        ...{ scale: { max: limit }, env: [{ name: "A", value: ',"name":"x"' }] },
        bindings: [{ name: "KV", kv: "b" }],
      }),
    );

  it("reads each as if it were alone, and equal ones share their parts", () => {
    const read = createSpecReader();
    const texts = ["a", "b", "c"].flatMap((name) => [specOf(name), specOf(name, 6)]);
    for (const text of texts) expect(read(text)).toEqual(parseSpec(text));
    const [one, other] = [read(specOf("d")), read(specOf("e"))];
    if (!one.ok || !other.ok || one.value.kind !== "function" || other.value.kind !== "function")
      throw new Error("both are functions");
    expect(one.value.spec.limits).toBe(other.value.spec.limits);
  });

  it("reads what others write, and finds each fault, behind a text that it knows", () => {
    const read = createSpecReader();
    const text = specOf("a");
    read(text);
    const { name, routes, revision, ...rest } = JSON.parse(text);
    for (const other of [
      JSON.stringify({ name, routes, revision, ...rest }),
      JSON.stringify({ ...rest, revision, name, routes }),
      text.replace('"name":"a"', '"name":"no name"'),
      text.replace("/a", "a"),
      text.replace('"revision"', '"revison"'),
      text.replace('"revision"', '"more":1,"revision"'),
      text.replace(/,"revision":"a+"/, ""),
      `${text.trimEnd()}}`,
      text.slice(0, -3),
      `${text}${text}`,
      `${JSON.stringify({ a: rest }).slice(0, -1)},"name":"a","routes":[],"revision":"${revision}"}`,
      "name: users\ncommand: ./users\n",
      "",
    ])
      expect(read(other)).toEqual(parseSpec(other));
  });
});
