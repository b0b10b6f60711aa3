/** One HTTP call, as the calls of the table see it. */
import type { IncomingMessage } from "node:http";
import { NarunError } from "../../contracts/index.ts";
import type { Grant } from "../core/access.ts";
import type { Runtara } from "../core/runtara.ts";
import type { Delivery } from "../core/signals.ts";
import type { Caller } from "../core/transitions.ts";

export interface Call {
  readonly runtara: Runtara;
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  /** The parts of the path where the table has `*`, as they stand in it. */
  readonly path: readonly string[];
  readonly grant: Grant;
  /** Aborts when the client leaves before its answer. */
  readonly signal: AbortSignal;
  readonly version: string;
  readonly startedAtMs: number;
}

export interface Answer {
  /** Default 200. */
  status?: number;
  body: unknown;
  /** Confirmed when the client has the answer for sure. */
  delivery?: Delivery | undefined;
}

/** The caller of the instance API: its token and the tenant that it names. Errors: RUNTARA_TOKEN_REFUSED, RUNTARA_OTHER_TENANT. */
export function callerOf(call: Call, { tenant }: { tenant?: string | undefined } = {}): Caller {
  const { grant } = call;
  const instance = instanceIn(call);
  if (grant.instance !== undefined && grant.instance !== instance)
    throw new NarunError("RUNTARA_TOKEN_REFUSED", { detail: "the token is another instance's" });
  const named = tenant ?? headerOf(call.request, "x-runtara-tenant-id");
  if (grant.tenant !== undefined && named !== undefined && grant.tenant !== named)
    throw new NarunError("RUNTARA_OTHER_TENANT", { detail: instance });
  return { instance, tenant: grant.tenant ?? named, run: grant.run };
}

/** The caller of the environment's API, for one instance. Error: RUNTARA_TOKEN_REFUSED. */
export function operatorOf(call: Call): Caller {
  return { instance: decodePart(call.path[0] ?? ""), tenant: tenantOf(call), run: undefined };
}

/** The tenant to which a call of the environment's API is bound; undefined: it may act for all. Error: RUNTARA_TOKEN_REFUSED. */
export function tenantOf({ grant }: Call): string | undefined {
  if (grant.instance === undefined) return grant.tenant;
  throw new NarunError("RUNTARA_TOKEN_REFUSED", { detail: "the token of an instance manages nothing" });
}

/** The tenant that a call names, where its token permits it. Error: RUNTARA_OTHER_TENANT. */
export function namedTenant<T extends string | undefined>(call: Call, named: T): T | string {
  const bound = tenantOf(call);
  if (bound !== undefined && named !== undefined && named !== bound)
    throw new NarunError("RUNTARA_OTHER_TENANT", { detail: `tenant ${named}` });
  return bound ?? named;
}

/** SDKs put the id into the path as it is; the header has it too, and tells how the path is meant. */
function instanceIn({ path: [part = ""], request }: Call): string {
  const named = headerOf(request, "x-runtara-instance-id");
  return named === part ? part : decodePart(part);
}

/** Error: RUNTARA_BAD_CALL. */
export function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new NarunError("RUNTARA_BAD_CALL", { detail: "a part of the path is not percent-encoded UTF-8" });
  }
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
