/** Finds the action of a request: by its subject, which is its path, or by the path that the action declares. */
import type { Action } from "./action.ts";
import { type Captured, compile, type Template } from "./template.ts";

export interface Found {
  action: Action;
  captured: Captured;
  /** Parameters of the path, and of the query of a GET, are parts of the input. */
  isGet: boolean;
}

interface Route {
  action: Action;
  template: Template;
  methods: readonly string[];
}

/** The beginning of the path of a call by name, whose input is whole (contracts/service-description.ts, D3). */
const BY_NAME = "/.narun/action/";

const NOTHING: Captured = { params: {}, wildcards: [] };

export class Router {
  readonly #exact = new Map<string, Action>();
  readonly #routes: Route[] = [];
  readonly #byName = new Map<string, Action>();

  add(action: Action): void {
    const { subject, path, method, isReadOnly } = action;
    this.#byName.set(action.name, action);
    const template = compile(subject, ".");
    if (!/[{*>]/.test(subject)) this.#exact.set(`/${subject}`, action);
    else this.#add({ action, template, methods: isReadOnly ? ["POST", "GET"] : ["POST"] });
    if (path !== undefined) this.#add({ action, template: compile(path, "/"), methods: [method] });
  }

  /** The action, or the methods that its path takes. Undefined: no action has the path. */
  find(method: string, path: string): Found | readonly string[] | undefined {
    const verb = method === "HEAD" ? "GET" : method;
    const isGet = verb === "GET";
    if (verb === "POST" && path.startsWith(BY_NAME)) {
      const action = this.#byName.get(path.slice(BY_NAME.length));
      if (action !== undefined) return { action, captured: NOTHING, isGet };
    }
    const exact = this.#exact.get(path) ?? this.#exact.get(decoded(path));
    if (exact !== undefined && (verb === "POST" || (isGet && exact.isReadOnly)))
      return { action: exact, captured: NOTHING, isGet };
    const allowed = new Set<string>();
    if (exact !== undefined) for (const one of methodsOf(exact)) allowed.add(one);
    for (const { action, template, methods } of this.#routes) {
      const captured = template.match(path);
      if (captured === undefined) continue;
      if (methods.includes(verb)) return { action, captured, isGet };
      for (const one of methods) allowed.add(one);
    }
    return allowed.size === 0 ? undefined : [...allowed];
  }

  /** The most literal template is asked first. */
  #add(route: Route): void {
    this.#routes.push(route);
    this.#routes.sort((a, b) => b.template.literals - a.template.literals);
  }
}

function methodsOf({ isReadOnly }: Action): string[] {
  return isReadOnly ? ["GET", "POST"] : ["POST"];
}

function decoded(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
