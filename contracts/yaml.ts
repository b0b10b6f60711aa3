import { type Document, isMap, isNode, isPair, type LineCounter, visit } from "yaml";
import type { z } from "zod";
import { messageOf } from "./errors.ts";
import { nearest } from "./nearest.ts";
import { readYamlDocument, type YamlBounds } from "./yaml-document.ts";

/** One fault of a YAML text: its place (1-based), a message, and the fix where it is known. */
export interface YamlIssue {
  line: number;
  /** The key that is concerned, dotted: `scale.min`. Empty for the document itself. */
  key: string;
  message: string;
}

export type YamlResult<T> = { ok: true; value: T } | { ok: false; issues: YamlIssue[] };

/**
 * The keys of a document whose numbers, and the numbers in their lists, stay the texts that they are written as: `1.10`.
 * Undefined: none.
 */
export type TextKeysOf = (value: unknown) => ReadonlySet<string> | undefined;

/**
 * Parses a YAML text by a schema, or by a schema that is chosen by the content. All issues are told, each with its line, and an
 * unknown key with the nearest known one. A text over a bound is one issue.
 */
export function parseYaml<T>(
  text: string,
  schema: z.ZodType<T> | ((value: unknown) => z.ZodType<T>),
  bounds?: YamlBounds,
  textKeys?: TextKeysOf,
): YamlResult<T> {
  const reading = readYamlDocument(text, bounds);
  if (!reading.ok) return { ok: false, issues: [{ line: 1, key: "", message: reading.issue }] };
  const { document, lines } = reading;
  if (document.errors.length > 0) {
    return {
      ok: false,
      issues: document.errors.slice(0, MAX_ISSUES).map((error) => ({
        line: lines.linePos(error.pos[0]).line,
        key: "",
        message: error.message,
      })),
    };
  }
  let value = contentOf(document);
  const keys = value.ok ? textKeys?.(value.value) : undefined;
  if (keys !== undefined) {
    keepTexts(document, keys);
    value = contentOf(document);
  }
  if (!value.ok) return { ok: false, issues: [{ line: 1, key: "", message: value.issue }] };
  const chosen = typeof schema === "function" ? schema(value.value) : schema;
  const parsed = chosen.safeParse(value.value);
  return parsed.success
    ? { ok: true, value: parsed.data }
    : { ok: false, issues: issuesOf(document, lines, chosen, parsed.error) };
}

/** Upper bound of the issues of one text. */
const MAX_ISSUES = 50;

function keepTexts(document: Document, keys: ReadonlySet<string>): void {
  visit(document, {
    Scalar(key, node, path) {
      if (key === "key" || node.value === null || typeof node.value === "string") return;
      const pair = path.findLast(isPair);
      if (node.source !== undefined && keys.has(String(pair?.key))) node.value = node.source;
    },
  });
}

/** A document without content is an empty one. Aliases that multiply each other are refused by the library. */
function contentOf(document: Document): { ok: true; value: unknown } | { ok: false; issue: string } {
  try {
    return { ok: true, value: document.toJS() ?? {} };
  } catch (error) {
    return { ok: false, issue: messageOf(error) };
  }
}

function issuesOf(document: Document, lines: LineCounter, schema: z.ZodType, error: z.ZodError): YamlIssue[] {
  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length > 0; length--) {
      const offset = offsetOf(document.contents, path.slice(0, length));
      if (offset !== undefined) return lines.linePos(offset).line;
    }
    return 1;
  };
  const issues = error.issues.slice(0, MAX_ISSUES).flatMap((issue): YamlIssue[] => {
    if (issue.code !== "unrecognized_keys") {
      return [{ line: lineOf(issue.path), key: issue.path.join("."), message: issue.message }];
    }
    const known = knownKeys(schema, issue.path);
    return issue.keys.slice(0, MAX_ISSUES).map((key) => {
      const path = [...issue.path, key];
      const meant = nearest(key, known);
      const advice = meant === undefined ? `known keys: ${known.join(", ")}` : `did you mean "${meant}"?`;
      return { line: lineOf(path), key: path.join("."), message: `unknown key "${key}"; ${advice}` };
    });
  });
  return issues.slice(0, MAX_ISSUES);
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
  let current = schema as Wrapping | undefined;
  while (current?.element === undefined) {
    // A pipe has the schema of its input, but where that is a transform; defaults and optionals have that of their value.
    const isTransform = (current?.in as { type?: unknown } | undefined)?.type === "transform";
    const inner = (isTransform ? current?.out : current?.in) ?? current?.unwrap?.();
    if (inner === undefined) break;
    current = inner as typeof current;
  }
  return current;
}

interface Wrapping {
  unwrap?: () => unknown;
  in?: unknown;
  out?: unknown;
  element?: unknown;
}
