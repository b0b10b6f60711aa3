/**
 * The ledger of a process: its requests, for gateways that ask after them (docs/wire.md, "Asking after requests"). A
 * connection that breaks takes requests and replies with it, and neither side learns of that.
 *
 * I1  A request that the ledger calls `new` did not come, and is not begun here if it comes later.
 * I2  A reply is kept where it may get lost: NATS is away or just back, the connection is about to be another one, or the
 *     request took so long that its asker may have been away meanwhile.
 * I3  A reply that begins a stream is never sent again: the stream may be over.
 * I4  A request whose asker does not number its requests is not noted.
 */
import {
  BoundedMap,
  type InquiryReply,
  InquirySchema,
  parseJson,
  type RequestState,
} from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import type { Headers } from "../headers.ts";
import type { Message } from "../message.ts";
import { formatNumber, numberIn } from "../request-number.ts";
import { Askers } from "./askers.ts";
import { KeptReplies } from "./kept-replies.ts";
import { type Keeper, NotedRequest } from "./noted-request.ts";

/** How long after a reconnect replies are kept: the asker's own connection takes up to 2 s to come back. */
const SETTLING_MS = 5_000;
/**
 * Lower bound of a request's duration after which its reply is always kept: the first reconnect comes so long after a
 * break.
 */
const LONG_REQUEST_MS = 25;
/** Upper bound of the requests that were called `new`, and are remembered. */
const MAX_CALLED_OFF = 10_000;

type Handle = (message: Message, done: (error?: string) => void) => void;

export class Ledger implements Keeper {
  readonly #nats: Nats;
  readonly #askers = new Askers();
  readonly #kept = new KeptReplies();
  readonly #calledOff = new BoundedMap<string, true>(MAX_CALLED_OFF);
  readonly #stop: () => void;
  #backAtMs = Number.NEGATIVE_INFINITY;

  constructor(nats: Nats) {
    this.#nats = nats;
    this.#stop = nats.onState((state) => {
      if (state === "connected") this.#backAtMs = performance.now();
    });
  }

  /** Notes every request on its way to a handler, and its reply. */
  guard(handle: Handle): Handle {
    return (message, done) => {
      const id = message.reply;
      if (id === undefined) return handle(message, done);
      const prefixLength = lengthOfPrefix(id);
      const number = numberOf(id, prefixLength);
      if (Number.isNaN(number)) return handle(message, done);
      if (this.#isCalledOff(id)) return done();
      const noted = new NotedRequest(this, this.#askers.ofId(id, prefixLength), number);
      message.witness = noted;
      handle(message, (error) => {
        noted.end();
        done(error);
      });
    };
  }

  /**
   * Notes a request that came another way than over NATS, by the reply prefix of its asker (`Nats.replyPrefix`) and its number.
   * Undefined: it was called off, and is not to be begun.
   */
  note(prefix: string, number: number): NotedRequest | undefined {
    if (this.#calledOff.size > 0 && this.#isCalledOff(prefix + formatNumber(number))) return undefined;
    return new NotedRequest(this, this.#askers.of(prefix), number);
  }

  /** Answers an inquiry. */
  answer(message: Message): void {
    const inquiry = parseJson(message.text(), InquirySchema);
    if (inquiry === undefined) return;
    const reply: InquiryReply = { states: inquiry.requests.map((id) => this.#stateOf(id)) };
    message.respond(JSON.stringify(reply));
  }

  mayGetLost(takenAtMs: number): boolean {
    if (this.#nats.state !== "connected" || this.#nats.isRenewing) return true;
    const nowMs = performance.now();
    return nowMs - takenAtMs >= LONG_REQUEST_MS || nowMs - this.#backAtMs < SETTLING_MS;
  }

  keep(id: string, data: Uint8Array | string, headers: Headers | undefined): void {
    this.#kept.keep(id, data, headers);
  }

  close(): void {
    this.#stop();
    this.#kept.clear();
  }

  #isCalledOff(id: string): boolean {
    return this.#calledOff.size > 0 && this.#calledOff.has(id);
  }

  #stateOf(id: string): RequestState {
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      this.#nats.publish(id, kept.data, kept.headers);
      return "repeated";
    }
    const prefixLength = lengthOfPrefix(id);
    const number = numberOf(id, prefixLength);
    const asker = this.#askers.get(id.slice(0, prefixLength));
    const open = asker?.open.get(number);
    if (open !== undefined) return open.isAnswered ? "streaming" : "running";
    if (this.#isCalledOff(id)) return "new";
    const mayHaveCome = asker === undefined ? this.#askers.hasForgotten : asker.over.mayInclude(number);
    if (Number.isNaN(number) || mayHaveCome) return "over";
    // A request that did not come is not begun later.
    this.#calledOff.set(id, true);
    return "new";
  }
}

/** Upper bound of a number's digits. Other clients name their requests by random texts, which are longer. */
const MAX_DIGITS = 9;

function lengthOfPrefix(id: string): number {
  return id.lastIndexOf(".") + 1;
}

/** The requester's number of a request; NaN for an id of another client. */
function numberOf(id: string, prefixLength: number): number {
  return id.length - prefixLength > MAX_DIGITS ? Number.NaN : numberIn(id, prefixLength, id.length);
}
