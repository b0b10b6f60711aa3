import { expect, it } from "vitest";
import { placeSchema } from "./schema-references.ts";

it("moves references, and leaves data and names alone", () => {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    properties: { $ref: { $ref: "#/$defs/A" }, other: { $ref: "https://example.com/a" } },
    anyOf: [{ $ref: "#" }],
    const: { $ref: "#kept" },
    $defs: { A: {} },
  };
  expect(placeSchema(schema, "#/x")).toEqual({
    properties: { $ref: { $ref: "#/x/$defs/A" }, other: { $ref: "https://example.com/a" } },
    anyOf: [{ $ref: "#/x" }],
    const: { $ref: "#kept" },
    $defs: { A: {} },
  });
  const own = { $id: "https://example.com/b", $ref: "#/$defs/A" };
  expect(placeSchema(own, "#/x")).toEqual(own);
});
