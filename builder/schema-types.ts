/**
 * The TypeScript type of a JSON Schema, as far as types go: lengths, patterns and ranges are the service's to check. A schema that
 * this file does not know is `unknown`, which takes every value.
 */
import type { JsonSchema } from "../contracts/index.ts";

/** Upper bound of the depth: a schema that refers to itself has no end as a type without a name. */
const MAX_DEPTH = 12;

export function typeOfSchema(schema: JsonSchema | undefined): string {
  return schema === undefined ? "unknown" : new Writer(schema).type(schema, 0);
}

class Writer {
  readonly #root: JsonSchema;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  type(schema: unknown, depth: number): string {
    if (schema === false) return "never";
    if (!isSchema(schema) || depth > MAX_DEPTH) return "unknown";
    if (typeof schema.$ref === "string") return this.type(this.#resolve(schema.$ref), depth + 1);
    if ("const" in schema) return literal(schema.const);
    if (Array.isArray(schema.enum)) return union(schema.enum.map(literal));
    const choices = schema.anyOf ?? schema.oneOf;
    if (Array.isArray(choices)) return union(choices.map((one) => this.type(one, depth + 1)));
    if (Array.isArray(schema.allOf)) return this.#all(schema.allOf, depth);
    if (Array.isArray(schema.type))
      return union(schema.type.map((type) => this.#ofType({ ...schema, type }, depth)));
    return this.#ofType(schema, depth);
  }

  #ofType(schema: JsonSchema, depth: number): string {
    switch (schema.type ?? (isSchema(schema.properties) ? "object" : undefined)) {
      case "string":
        return "string";
      case "integer":
      case "number":
        return "number";
      case "boolean":
        return "boolean";
      case "null":
        return "null";
      case "array":
        return this.#array(schema, depth);
      case "object":
        return this.#object(schema, depth);
      default:
        return "unknown";
    }
  }

  #array({ items, prefixItems }: JsonSchema, depth: number): string {
    if (!Array.isArray(prefixItems)) return `(${this.type(items, depth + 1)})[]`;
    const first = prefixItems.map((one) => this.type(one, depth + 1));
    const rest = items === undefined || items === false ? [] : [`...(${this.type(items, depth + 1)})[]`];
    return `[${[...first, ...rest].join(", ")}]`;
  }

  #object({ properties, required, additionalProperties }: JsonSchema, depth: number): string {
    const needed = Array.isArray(required) ? required : [];
    const own = Object.entries(isSchema(properties) ? properties : {}).map(([name, one]) => {
      const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
      return `${key}${needed.includes(name) ? "" : "?"}: ${this.type(one, depth + 1)}`;
    });
    if (own.length > 0) return `{ ${own.join("; ")} }`;
    if (additionalProperties === false) return "Record<string, never>";
    return `Record<string, ${this.type(additionalProperties ?? {}, depth + 1)}>`;
  }

  #all(parts: readonly unknown[], depth: number): string {
    const types = parts.map((one) => this.type(one, depth + 1)).filter((type) => type !== "unknown");
    return types.length === 0 ? "unknown" : types.map((type) => `(${type})`).join(" & ");
  }

  /** A reference to a place in the schema itself: `#/$defs/Line`. */
  #resolve(reference: string): unknown {
    if (!reference.startsWith("#")) return undefined;
    const keys = reference.slice(1).split("/").slice(1);
    return keys.reduce<unknown>((at, key) => {
      const name = decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~");
      return isSchema(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    }, this.#root);
  }
}

function literal(value: unknown): string {
  return typeof value === "object" && value !== null ? "unknown" : JSON.stringify(value);
}

function union(types: readonly string[]): string {
  if (types.includes("unknown")) return "unknown";
  return [...new Set(types)].join(" | ") || "never";
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
