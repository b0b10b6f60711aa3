import { expect, it } from "vitest";
import { typeOfSchema } from "./schema-types.ts";

it.each([
  [undefined, "unknown"],
  [{ type: "string", minLength: 2 }, "string"],
  [{ type: ["string", "null"] }, "string | null"],
  [{ const: "a" }, '"a"'],
  [{ enum: ["a", 1, null] }, '"a" | 1 | null'],
  [{ anyOf: [{ type: "integer" }, { type: "boolean" }] }, "number | boolean"],
  [{ type: "array", items: { type: "string" } }, "(string)[]"],
  [
    { type: "array", prefixItems: [{ type: "string" }, { type: "number" }], items: false },
    "[string, number]",
  ],
  [
    { type: "object", properties: { a: { type: "string" }, "b-c": {} }, required: ["a"] },
    '{ a: string; "b-c"?: unknown }',
  ],
  [{ type: "object", additionalProperties: { type: "number" } }, "Record<string, number>"],
  [{ type: "object", additionalProperties: false }, "Record<string, never>"],
  [{ allOf: [{ type: "object", properties: { a: { type: "string" } } }, {}] }, "({ a?: string })"],
  [{ $ref: "#/$defs/A", $defs: { A: { type: "string" } } }, "string"],
  [{ $ref: "#/$defs/none" }, "unknown"],
  [{ $ref: "https://example.com/a" }, "unknown"],
])("writes %j as %s", (schema, type) => {
  expect(typeOfSchema(schema)).toBe(type);
});

it("ends a schema that refers to itself", () => {
  const list = { type: "object", properties: { next: { $ref: "#" } } };
  expect(typeOfSchema(list)).toMatch(/^\{ next\?: \{ next\?: .*unknown/);
});
