import type { Data } from "../../../../web/index.ts";
import type { CallContext } from "../../process/host-calls.ts";
import { decodeContent } from "./decode-content.ts";
import { describeFailure } from "./describe-failure.ts";
import type { ExchangeSlots, UnreadBody } from "./exchange-slots.ts";
import type { HttpResponse } from "./http-client.ts";
import type { RequestHead } from "./request-head.ts";
import { FIRST_BYTES, sendBodyToIsolate } from "./response-body.ts";

const NULL_BODY_STATUS = new Set([204, 205, 304]);

export interface OpenExchange {
  head: RequestHead;
  response: HttpResponse;
  /** Gives the exchange's slot back. */
  release(): void;
  context: CallContext;
  slots: ExchangeSlots;
}

/** The answer to `fetch.send`. A short body that is here already goes along; a longer one is a stream. */
export function answerIsolate({ head, response, release, context, slots }: OpenExchange): Data {
  const { status, headers } = response;
  if (head.method === "HEAD" || NULL_BODY_STATUS.has(status)) {
    response.body.resume();
    void response.over.then(release);
    return reply(response, headers, undefined);
  }
  const decoded = decodeContent(response.body, codingOf(headers));
  if (decoded === undefined && response.isWhole() && response.body.readableLength <= FIRST_BYTES) {
    release();
    const bytes: Uint8Array = response.body.read() ?? new Uint8Array();
    return reply(response, headers, new Uint8Array(bytes).buffer);
  }
  const body = decoded ?? response.body;
  const sent = sendBodyToIsolate(context.streams, {
    owner: context.owner,
    body,
    describe: (error) => describeFailure(error, head.url)?.message ?? "the body broke",
  });
  const unread: UnreadBody = {
    get isRead() {
      return sent.isRead;
    },
    drop: () => void body.destroy(new DroppedBody()),
  };
  slots.add(unread);
  body.once("close", () => {
    slots.delete(unread);
    release();
  });
  // These two fields describe the coded body.
  const isOfCoding = (name: string) => /^content-(encoding|length)$/i.test(name);
  const fields = decoded === undefined ? headers : headers.filter(([name]) => !isOfCoding(name));
  return reply(response, fields, sent.id);
}

function reply({ status, statusText }: HttpResponse, fields: HttpResponse["headers"], body: Data): Data {
  const headerBlock = fields.map(([name, value]) => `${name.toLowerCase()}\n${value}\n`).join("");
  return { status, statusText, headerBlock, body };
}

function codingOf(headers: HttpResponse["headers"]): string {
  return headers
    .filter(([name]) => name.toLowerCase() === "content-encoding")
    .map(([, value]) => value)
    .join(",");
}

/** The isolate did not begin to read a body, and other exchanges waited for its slot. */
class DroppedBody extends Error {
  readonly code = "UNREAD_BODY";
}
