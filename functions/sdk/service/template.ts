/**
 * Templates of subjects and paths: `orders.item.{id}.pay`, `/orders/{id}/pay`. `{id}` and `*` stand for one part, `>` at the end for
 * one or more. contracts/route-template.ts has the gateway's own; test/services/codes.test.ts compares the two.
 */

/** The parameters of a request, and the parts that `*` and `>` stand for. */
export interface Captured {
  params: Record<string, string>;
  wildcards: string[];
}

export interface Template {
  /** Literal parts: of two templates that match, the one with more of them wins. */
  readonly literals: number;
  /** Undefined: it does not match. */
  match(path: string): Captured | undefined;
}

const PARAMETER = /^\{([A-Za-z_]\w*)\}$/;

/** The parts of a template, and the name of each that has one. */
export function partsOf(
  template: string,
  separator: "." | "/",
): { part: string; name: string | undefined }[] {
  return template.split(separator).map((part) => ({ part, name: PARAMETER.exec(part)?.[1] }));
}

/** Compiles a template. A subject's is matched as a path: a slash before it. */
export function compile(template: string, separator: "." | "/"): Template {
  const text = separator === "/" ? template.slice(1) : template;
  const parts = partsOf(text, separator);
  const one = separator === "/" ? "([^/]+)" : "([^./]+)";
  const rest = separator === "/" ? "(.+)" : "([^/]+)";
  const source = parts.map(({ part, name }) => {
    if (name !== undefined || part === "*") return one;
    return part === ">" ? rest : literal(part);
  });
  const pattern = new RegExp(`^/${source.join(separator === "/" ? "/" : "\\.")}$`);
  const captures = parts.filter(({ part, name }) => name !== undefined || part === "*" || part === ">");
  return {
    literals: parts.length - captures.length,
    match(path) {
      const found = pattern.exec(path);
      if (found === null) return undefined;
      const captured: Captured = { params: {}, wildcards: [] };
      for (const [at, { name }] of captures.entries()) {
        const value = decoded(found[at + 1] ?? "");
        if (name === undefined) captured.wildcards.push(value);
        else captured.params[name] = value;
      }
      return captured;
    },
  };
}

/** Whether one subject or path may match both. Names of parameters make no difference. */
export function overlap(first: string, second: string, separator: "." | "/"): boolean {
  const [a, b] = [partsOf(first, separator), partsOf(second, separator)];
  for (let at = 0; ; at += 1) {
    const [x, y] = [a[at], b[at]];
    if (x === undefined || y === undefined) return x === y;
    if (x.part === ">" || y.part === ">") return true;
    const isWild = [x, y].some(({ part, name }) => name !== undefined || part === "*");
    if (!isWild && x.part !== y.part) return false;
  }
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
