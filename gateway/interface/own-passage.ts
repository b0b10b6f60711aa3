/** A request that the gateway itself answers, from its path to its answer. */
import { answer } from "../async/async-passage.ts";
import { type Body, hasBody, readBody } from "../http/body.ts";
import { closeAfter, type Exchange, refuse } from "../http/exchange.ts";
import { type GatewayResponse, problemResponse } from "../http/gateway-response.ts";
import type { ServeOptions } from "../http/passage.ts";

/** The gateway's own answer to a request. */
export interface OwnAnswer {
  /** Upper bound of the request's body. */
  maxBodyBytes: number;
  answer(data: Uint8Array, signal: AbortSignal): Promise<GatewayResponse>;
}

/** How long a client may take to send the body. */
const MAX_BODY_MS = 60_000;
const NO_BYTES = new Uint8Array();
/** The gathering of slow bodies counts them under this name, which no function can have. */
const OWN = ".own";

export function answerOwn(options: ServeOptions, exchange: Exchange, own: OwnAnswer): void {
  const { incoming, outgoing, requestId } = exchange;
  const take = (data: Uint8Array) => answer(options, exchange, (signal) => own.answer(data, signal));
  if (!hasBody(incoming)) {
    take(NO_BYTES);
    return;
  }
  const { maxBodyBytes: maxBytes } = own;
  const tooLarge = () =>
    refuse(
      options,
      exchange,
      problemResponse("BODY_TOO_LARGE", requestId, `the limit here is ${maxBytes} bytes`),
    );
  const reading = {
    ...{ maxBytes, maxWholeBytes: maxBytes, maxWholeMs: MAX_BODY_MS, onTooLarge: tooLarge },
    gather: (onRefused: Parameters<ServeOptions["gathering"]["join"]>[1]) =>
      options.gathering.join(OWN, onRefused),
  };
  readBody(incoming, outgoing, reading, (body: Body) => {
    if (body.kind === "whole") take(body.data);
    else if (body.kind === "too-large") tooLarge();
    else if (body.kind === "refused")
      closeAfter(options, exchange, problemResponse(body.code, requestId), undefined);
  });
}
