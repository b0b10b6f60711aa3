/** A request target: the path as it was written, and the query without its question mark. */
export interface RequestTarget {
  rawPath: string;
  query: string;
  /** Set for the absolute form only. */
  host?: string;
}

/**
 * Splits a request target in origin form (`/a?b`) or absolute form (`http://host/a?b`). Undefined: the target is not valid.
 */
export function parseTarget(target: string): RequestTarget | undefined {
  if (target.startsWith("/")) return splitOrigin(target);
  const [, host, rest = ""] = ABSOLUTE.exec(target) ?? [];
  if (host === undefined) return undefined;
  const parts = splitOrigin(rest.startsWith("/") ? rest : `/${rest}`);
  return parts && { ...parts, host };
}

const ABSOLUTE = /^https?:\/\/([^/?#]+)(.*)$/i;

function splitOrigin(origin: string): RequestTarget | undefined {
  const mark = origin.indexOf("?");
  const rawPath = mark === -1 ? origin : origin.slice(0, mark);
  // A URL parser reads a backslash as a slash: the handler would see another path than the routed one.
  if (rawPath.includes("\\")) return undefined;
  return { rawPath, query: mark === -1 ? "" : origin.slice(mark + 1) };
}
