import { isMap, isNode, LineCounter, parseDocument, stringify } from "yaml";
import type { z } from "zod";
import { nearest } from "./nearest.ts";

/** One thing that is wrong in a YAML text: where (1-based), what, and how to fix it where that can be told. */
export interface YamlIssue {
  line: number;
  /** The key that is concerned, dotted: `scale.min`. Empty for the document itself. */
  key: string;
  message: string;
}

export type YamlResult<T> = { ok: true; value: T } | { ok: false; issues: YamlIssue[] };

/** Parses a YAML text by a schema. All issues come at once, each with its line; an unknown key with the nearest known one. */
export function parseYaml<T>(text: string, schema: z.ZodType<T>): YamlResult<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return {
      ok: false,
      issues: document.errors.map((error) => ({
        line: lines.linePos(error.pos[0]).line,
        key: "",
        message: error.message,
      })),
    };
  }
  const parsed = schema.safeParse(document.toJS() ?? {});
  if (parsed.success) return { ok: true, value: parsed.data };

  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length > 0; length--) {
      const offset = offsetOf(document.contents, path.slice(0, length));
      if (offset !== undefined) return lines.linePos(offset).line;
    }
    return 1;
  };
  const issues = parsed.error.issues.flatMap((issue): YamlIssue[] => {
    if (issue.code !== "unrecognized_keys") {
      return [{ line: lineOf(issue.path), key: issue.path.join("."), message: issue.message }];
    }
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const meant = nearest(key, known);
      const advice = meant === undefined ? `known keys: ${known.join(", ")}` : `did you mean "${meant}"?`;
      return { line: lineOf(path), key: path.join("."), message: `unknown key "${key}"; ${advice}` };
    });
  });
  return { ok: false, issues };
}

export function formatYaml(value: unknown): string {
  return stringify(value);
}

/** Issues as people read them, one a line: `line 3: scale.min: …`. */
export function formatYamlIssues(issues: readonly YamlIssue[]): string {
  return issues
    .map(({ line, key, message }) => `line ${line}: ${key === "" ? "" : `${key}: `}${message}`)
    .join("\n");
}

/** The offset of the key (in a map) or the item (in a list) at a path. */
function offsetOf(contents: unknown, path: readonly PropertyKey[]): number | undefined {
  let current = contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isMap(current)) {
      const pair = current.items.find(({ key }) => isNode(key) && String(key) === String(step));
      if (pair === undefined || !isNode(pair.key)) return undefined;
      offset = pair.key.range?.[0];
      current = pair.value;
    } else if (isNode(current) && "items" in current && Array.isArray(current.items)) {
      current = current.items[Number(step)];
      if (!isNode(current)) return undefined;
      offset = current.range?.[0];
    } else {
      return undefined;
    }
  }
  return offset;
}

/** The keys that a strict object schema knows at a path; looks through defaults, optionals and arrays. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current: unknown = unwrap(schema);
  for (const step of path) {
    const definition = current as { shape?: Record<string, z.ZodType>; element?: z.ZodType };
    current = unwrap(definition.shape?.[String(step)] ?? definition.element);
  }
  return Object.keys((current as { shape?: object } | undefined)?.shape ?? {});
}

function unwrap(schema: unknown): unknown {
  let current = schema as { unwrap?: () => unknown; element?: unknown } | undefined;
  while (typeof current?.unwrap === "function" && current.element === undefined) {
    current = current.unwrap() as typeof current;
  }
  return current;
}
