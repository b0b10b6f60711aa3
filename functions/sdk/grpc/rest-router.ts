/** The HTTP paths of a service. Their protocol comes with the first request (rest-protocol.ts). */
import type { DescService } from "@bufbuild/protobuf";
import type { Call } from "./call.ts";
import type { RestRule } from "./rest-rule.ts";

export interface RestMatch {
  readonly method: string;
  serve(call: Call, query: string): Promise<Response>;
}

export interface RestRouter {
  /** The match; the verbs of the path where none of them is the request's; undefined for an unknown path. */
  match(verb: string, path: string): RestMatch | readonly string[] | undefined;
}

const REST = Symbol.for("narun.rest");

export function restOf(service: DescService): RestRouter | undefined {
  return (service as { [REST]?: RestRouter })[REST];
}

/** Gives a service the paths of its annotations. */
export function withRest<S extends DescService>(service: S, rules: readonly RestRule[]): S {
  return Object.assign(service, { [REST]: createRouter(rules) });
}

function createRouter(rules: readonly RestRule[]): RestRouter {
  const patterns = rules.map((rule) => ({ rule, verb: rule[1], pattern: new RegExp(`^${rule[2]}$`) }));
  return {
    match(verb, path) {
      const verbs: string[] = [];
      for (const { rule, verb: own, pattern } of patterns) {
        const match = pattern.exec(path);
        if (match === null) continue;
        if (own === "*" || own === verb) return createMatch(rule, match.slice(1));
        verbs.push(own);
      }
      return verbs.length === 0 ? undefined : verbs;
    },
  };
}

function createMatch(rule: RestRule, values: readonly string[]): RestMatch {
  return {
    method: rule[0],
    async serve(call, query) {
      const { serveRest } = await import("./rest-protocol.ts");
      return serveRest(call, { rule, values, query });
    },
  };
}
