import { allRoutesOf } from "./action-routes.ts";
import { HTTP_METHODS, type Route } from "./function-config.ts";
import { routeKey } from "./route-path.ts";
import { templateKey } from "./route-template.ts";
import type { ServiceDescription } from "./service-description.ts";

/** A route that another function answers in place of its own. */
export interface ShadowedRoute {
  path: string;
  /** The methods that never reach it; undefined: all methods. */
  methods?: string[];
  /** The function that answers: the first by name among the functions that share a route. */
  by: string;
}

interface Routed {
  name: string;
  routes: readonly Route[];
  interface?: ServiceDescription | undefined;
}

/**
 * The routes of each function that another function answers, by the function's name. The static routes of a gateway win over
 * all of them, and are not considered here.
 */
export function findShadowedRoutes(functions: Iterable<Routed>): Map<string, ShadowedRoute[]> {
  const shadowed = new Map<string, ShadowedRoute[]>();
  const takenBy = new Map<string, { by: string; methods: ReadonlySet<string> }[]>();
  for (const routed of [...functions].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = routed;
    for (const { path, methods } of allRoutesOf(routed)) {
      const own = new Set<string>(methods ?? HTTP_METHODS);
      const key = routeKey(templateKey(path));
      const taken = takenBy.get(key) ?? [];
      for (const { by, methods: others } of taken) {
        const lost = [...own].filter((method) => others.has(method));
        if (by === name || lost.length === 0) continue;
        const partly = lost.length < own.size ? { methods: lost } : {};
        shadowed.set(name, [...(shadowed.get(name) ?? []), { path, ...partly, by }]);
      }
      takenBy.set(key, [...taken, { by: name, methods: own }]);
    }
  }
  return shadowed;
}
