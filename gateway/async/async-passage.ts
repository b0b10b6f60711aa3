/** A request that is answered before it runs, and one for a result, from their routes to their answers. */
import { MAX_CALL_BYTES, messageOf } from "../../contracts/index.ts";
import { type Body, hasBody, readBody } from "../http/body.ts";
import { closeAfter, type Exchange, refuse, write } from "../http/exchange.ts";
import { failureResponse, type GatewayResponse, problemResponse } from "../http/gateway-response.ts";
import { fail, type ServeOptions } from "../http/passage.ts";
import { requestHead } from "../http/request-head.ts";
import type { RequestTarget } from "../http/request-path.ts";
import { waitOf } from "./async-door.ts";

/** How long a client may take to send the body of a call. */
const MAX_BODY_MS = 300_000;
const NO_BYTES = new Uint8Array();
/** The `path` label of the metrics of requests for results. */
const RESULTS_PATTERN = "/.narun/calls/*";

/** Reads the request, stores it, and answers. */
export function acceptLater(
  options: ServeOptions,
  exchange: Exchange,
  target: RequestTarget,
  facts: { host: string; pattern: string },
): void {
  const { incoming, outgoing, destination, requestId } = exchange;
  if (!hasBody(incoming)) {
    store(options, exchange, target, facts, NO_BYTES);
    return;
  }
  const maxBytes = Math.min(MAX_CALL_BYTES, destination.spec?.limits.maxBodyBytes ?? MAX_CALL_BYTES);
  const tooLarge = () =>
    refuse(
      options,
      exchange,
      problemResponse("BODY_TOO_LARGE", requestId, `the limit of a call is ${maxBytes} bytes`),
    );
  const reading = {
    ...{ maxBytes, maxWholeBytes: maxBytes, maxWholeMs: MAX_BODY_MS, onTooLarge: tooLarge },
    gather: (onRefused: Parameters<ServeOptions["gathering"]["join"]>[1]) =>
      options.gathering.join(destination.service, onRefused),
  };
  readBody(incoming, outgoing, reading, (body: Body) => {
    if (body.kind === "whole") store(options, exchange, target, facts, body.data);
    else if (body.kind === "too-large") tooLarge();
    else if (body.kind === "refused")
      closeAfter(options, exchange, failureResponse(body.code, requestId, destination), undefined);
  });
}

function store(
  options: ServeOptions,
  exchange: Exchange,
  target: RequestTarget,
  { host, pattern }: { host: string; pattern: string },
  data: Uint8Array,
): void {
  const { incoming, destination, requestId, method } = exchange;
  const { isTrusted, traces } = options;
  const head = requestHead(exchange, target, {
    host,
    isTrusted,
    traces,
    endsAtMs: performance.now(),
    form: "headers",
  });
  if (head === undefined) {
    closeAfter(options, exchange, problemResponse("BAD_REQUEST", requestId), undefined);
    return;
  }
  const callback = incoming.headers["narun-callback"];
  answer(options, exchange, (signal) =>
    options.calls.accept({
      ...{ destination, requestId, method, headers: head.headers(), data, signal },
      callback: Array.isArray(callback) ? callback[0] : callback,
      base: baseOf(pattern),
      waitMs: waitOf(preferOf(exchange)),
    }),
  );
}

/** Answers a request for the result of a call. */
export function answerResult(
  options: ServeOptions,
  exchange: Exchange,
  target: RequestTarget,
  id: string,
): void {
  const { requestId, method } = exchange;
  exchange.pattern = RESULTS_PATTERN;
  const isForState = /(?:^|&)state(?:&|=|$)/.test(target.query);
  const waitMs = waitOf(preferOf(exchange));
  answer(options, exchange, (signal) =>
    options.calls.result({ ...{ id, path: target.rawPath, requestId, method, isForState, waitMs, signal } }),
  );
}

/** Writes an answer that takes a while. It is hurried where its client is gone, or the gateway drains. */
export function answer(
  options: ServeOptions,
  exchange: Exchange,
  make: (signal: AbortSignal) => Promise<GatewayResponse>,
): void {
  const { outgoing } = exchange;
  const hurry = new AbortController();
  const onClose = () => hurry.abort();
  outgoing.once("close", onClose);
  const looking = setInterval(() => options.isDraining() && hurry.abort(), DRAIN_LOOK_MS).unref();
  make(hurry.signal)
    .then((response) => {
      if (!outgoing.destroyed) write(options, exchange, response, undefined);
    })
    .catch((error: unknown) => fail(options, exchange, new Error(messageOf(error), { cause: error })))
    .finally(() => {
      clearInterval(looking);
      outgoing.off("close", onClose);
    });
}

const DRAIN_LOOK_MS = 500;

function preferOf({ incoming }: Exchange): string | undefined {
  const { prefer } = incoming.headers;
  return Array.isArray(prefer) ? prefer.join(", ") : prefer;
}

/** The path below which the results of a route's calls are: `/orders` for `/orders/*`. */
function baseOf(pattern: string): string {
  return pattern.replace(/\/\*?$/, "");
}
