/** The place of a service's HTTP paths. It has no code of its own, so that services without annotations pay nothing. */
import type { DescService } from "@bufbuild/protobuf";
import type { Call } from "./call.ts";

/** A rule of `google.api.http`, as the builder writes it. */
export type RestRule = readonly [
  /** The method's local name. */
  method: string,
  /** The HTTP method; `*` for every one. */
  verb: string,
  /** A pattern that matches the whole path, with a group for each variable. */
  pattern: string,
  /** The fields of the groups: names in Protobuf, with dots. */
  fields: readonly string[],
  /** The field that the body is; `*` for all fields that the path does not set; empty for none. */
  body: string,
  /** The field that the answer is; empty for the whole message. */
  responseBody: string,
];

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

export function setRest<S extends DescService>(service: S, router: RestRouter): S {
  return Object.assign(service, { [REST]: router });
}
