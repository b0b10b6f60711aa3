/** The spans of an isolate's calls: of bindings and of `fetch`. The arguments are user input. */
import { type Attributes, spanKinds } from "../../../traces/index.ts";
import type { CallFacts, CallTrace } from "../../instance/request-traces.ts";

const TRACED = /^(?:kv|objects|service|publish|ratelimit)\.[a-z]+$|^fetch\.send$/;
/** Upper bound of the length of a text of the function's own. */
const MAX_LENGTH = 256;

/** Whether a span is made of a call. The others do not leave the host. */
export function isTracedCall(name: unknown): boolean {
  return typeof name === "string" && TRACED.test(name);
}

/** Records the span of a call when the call ends. */
export function endCall(
  span: CallTrace,
  name: string,
  values: readonly unknown[],
  result: Promise<unknown>,
): void {
  const [first, second] = values;
  const end = (attributes: Attributes, error: string | undefined) => {
    const isFetch = name === "fetch.send";
    const own = isFetch ? ofFetch(first, second) : { "narun.binding": textOf(first) };
    span.end({
      name: isFetch ? `fetch ${textOf(first)}` : `${name} ${textOf(first)}`,
      kind: name === "publish.publish" ? spanKinds.producer : spanKinds.client,
      attributes: { ...own, ...attributes, ...(error === undefined ? {} : { "error.type": error }) },
      error,
    });
  };
  result.then(
    (value) => end(statusOf(value), undefined),
    (error: unknown) => end({}, error instanceof Error ? error.name : "Error"),
  );
}

/** The span of a `fetch` of Node's own: its method, URL, status and error. */
export function describeFetch([method, url, status, error]: readonly unknown[]): CallFacts {
  const failure = typeof error === "string" ? textOf(error) : undefined;
  const attributes = {
    ...ofFetch(method, url),
    ...statusOf({ status }),
    ...(failure === undefined ? {} : { "error.type": failure }),
  };
  return { name: `fetch ${textOf(method)}`, kind: spanKinds.client, attributes, error: failure };
}

/** Neither the query nor a login: both may be secret. */
function ofFetch(method: unknown, url: unknown): Attributes {
  const parsed = typeof url === "string" ? URL.parse(url) : null;
  const place =
    parsed === null ? {} : { "server.address": parsed.hostname, "url.full": withoutSecrets(parsed) };
  return { "http.request.method": textOf(method), ...place };
}

function withoutSecrets({ protocol, host, pathname }: URL): string {
  return textOf(`${protocol}//${host}${pathname}`);
}

function statusOf(value: unknown): Attributes {
  if (typeof value !== "object" || value === null || !("status" in value)) return {};
  return typeof value.status === "number" ? { "http.response.status_code": value.status } : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, MAX_LENGTH) : "";
}
