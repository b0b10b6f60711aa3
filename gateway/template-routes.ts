/** The routes whose paths have parameters. A path is compared with routes that have as many segments and the same first segment. */
import { compileTemplate, isTemplate, literalLength, routeKey } from "../contracts/index.ts";

interface Template<Entry> {
  readonly pattern: RegExp;
  readonly literals: number;
  readonly route: Entry;
}

export class TemplateRoutes<Entry> {
  /** By the number of segments and the first one; empty where that has a parameter. */
  readonly #groups = new Map<string, Template<Entry>[]>();

  /** The first one wins where two are equal. */
  add(path: string, route: Entry): void {
    const isPrefix = path.endsWith("/*");
    const key = routeKey(isPrefix ? path.slice(0, -1) : path);
    const compiled = compileTemplate(key).source;
    const pattern = isPrefix ? new RegExp(compiled.slice(0, -1)) : new RegExp(compiled);
    const segments = key.split("/");
    const first = segments[1] ?? "";
    const group = `${isPrefix ? "*" : segments.length} ${isTemplate(first) ? "" : first}`;
    const templates = this.#groups.get(group) ?? [];
    templates.push({ pattern, literals: literalLength(key), route });
    templates.sort((a, b) => b.literals - a.literals);
    this.#groups.set(group, templates);
  }

  /** The routes that a path matches, the most literal first. */
  matching(path: string): Entry[] | undefined {
    if (this.#groups.size === 0) return undefined;
    const segments = path.split("/");
    const first = segments[1] ?? "";
    const found = [`${segments.length} ${first}`, `${segments.length} `, `* ${first}`, "* "].flatMap(
      (group) => (this.#groups.get(group) ?? []).filter(({ pattern }) => pattern.test(path)),
    );
    return found.sort((a, b) => b.literals - a.literals).map(({ route }) => route);
  }
}
