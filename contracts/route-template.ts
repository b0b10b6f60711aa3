/**
 * Paths with parameters: `/orders/{id}/pay`. `{id}` stands for one segment, or for one part between dots where its segment has
 * dots; `{+rest}` for the rest of its segment, dots included.
 */

const PARAMETER = /\{\+?\w+\}/g;

/** Whether a path of a route has parameters. */
export function isTemplate(path: string): boolean {
  return path.includes("{") && new RegExp(PARAMETER.source).test(path);
}

/** A path without the names of its parameters: two templates with one key match the same paths. */
export function templateKey(path: string): string {
  return path.replace(PARAMETER, (parameter) => (parameter.startsWith("{+") ? "{+}" : "{}"));
}

/** How many characters of a path are its own. The template with more of them wins where two match. */
export function literalLength(path: string): number {
  return path.replace(PARAMETER, "").length;
}

/** The expression for paths in the form in which routes are compared (`routeKey`). `key`: the path in that form. */
export function compileTemplate(key: string): RegExp {
  const segments = key.split("/").map((segment) => {
    const one = segment.replace(PARAMETER, "").includes(".") ? "[^./]+" : "[^/]+";
    return segment
      .split(/(\{\+?\w+\})/)
      .map((part) => (!isTemplate(part) ? RegExp.escape(part) : part.startsWith("{+") ? "[^/]+" : one))
      .join("");
  });
  return new RegExp(`^${segments.join("/")}$`);
}
