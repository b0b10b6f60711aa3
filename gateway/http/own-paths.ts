/**
 * The paths that the gateway answers itself, before it refuses what no route takes: `/docs`, `/openapi.json`, `/mcp`, `/events/…`.
 *
 * O1  A route of a function wins: each finder is told the route that matches, and takes no path from a function.
 * O2  A client that may not see a path gets the same answer as where there is nothing.
 */
import type { FunctionSpec } from "../../contracts/index.ts";
import type { RouteMatch } from "../routes.ts";
import type { Exchange } from "./exchange.ts";
import type { RequestTarget } from "./request-path.ts";

/** A path of the gateway's own. `Options`: of the HTTP door. */
export interface OwnPath<Options> {
  /** The `path` label of the metrics. */
  pattern: string;
  /** The pages of other origins that may ask for it. Default: none. */
  cors?: FunctionSpec["cors"];
  answer(options: Options, exchange: Exchange, target: RequestTarget): void;
}

/** The part of a request by which it is found. */
export type AskedRequest = Pick<Exchange, "incoming" | "method" | "requestId">;

export interface OwnPaths<Options> {
  /** Undefined: the path is none of the gateway's own. */
  find(request: AskedRequest, target: RequestTarget, match: RouteMatch): OwnPath<Options> | undefined;
  /** The specs have changed. */
  forget(): void;
  close(): void;
}

/** Asks the finders in order. */
export function joinOwnPaths<Options>(all: readonly OwnPaths<Options>[]): OwnPaths<Options> {
  return {
    find(request, target, match) {
      for (const one of all) {
        const found = one.find(request, target, match);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    forget() {
      for (const one of all) one.forget();
    },
    close() {
      for (const one of all) one.close();
    },
  };
}
