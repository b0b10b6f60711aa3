/**
 * The ledger of a process: its requests, for gateways that ask after them (docs/wire.md, "Asking after requests"). A
 * connection that breaks takes requests and replies with it, and neither side learns of that.
 *
 * I1  A request that the ledger calls `new` did not come, and is not begun here if it comes later.
 * I2  A reply is kept where it may get lost: NATS is away or just back, or the request took so long that its asker
 *     may have been away meanwhile.
 * I3  A reply that begins a stream is never sent again: the stream may be over.
 * I4  A request whose asker does not number its requests is not noted.
 */
import {
  BoundedMap,
  headerNames,
  type InquiryReply,
  InquirySchema,
  parseJson,
  type RequestState,
} from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import type { Message } from "../message.ts";
import { KeptReplies } from "./kept-replies.ts";
import { NotedNumbers } from "./noted-numbers.ts";

/** How long after a reconnect replies are kept: the asker's own connection takes up to 2 s to come back. */
const SETTLING_MS = 5_000;
/**
 * Lower bound of a request's duration after which its reply is always kept: the first reconnect comes so long after a
 * break.
 */
const LONG_REQUEST_MS = 25;
/** Upper bound of the askers whose requests are noted. */
const MAX_ASKERS = 64;
/** Upper bound of the requests that were called `new`, and are remembered. */
const MAX_CALLED_OFF = 10_000;

type Handle = (message: Message, done: (error?: string) => void) => void;

interface Open {
  takenAtMs: number;
  /** The answer, or its head, was sent. */
  isAnswered: boolean;
}

export class Ledger {
  readonly #nats: Nats;
  readonly #open = new Map<string, Open>();
  readonly #over = new BoundedMap<string, NotedNumbers>(MAX_ASKERS, () => {
    this.#hasForgottenAskers = true;
  });
  readonly #kept = new KeptReplies();
  readonly #calledOff = new BoundedMap<string, true>(MAX_CALLED_OFF);
  readonly #stop: () => void;
  #backAtMs = Number.NEGATIVE_INFINITY;
  #hasForgottenAskers = false;

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
      if (this.#calledOff.size > 0 && this.#calledOff.has(id)) return done();
      const open: Open = { takenAtMs: performance.now(), isAnswered: false };
      this.#open.set(id, open);
      const respond = message.respond.bind(message);
      message.respond = (data, headers) => {
        respond(data, headers);
        open.isAnswered = true;
        const beginsStream = headers?.has(headerNames.stream) === true;
        if (!beginsStream && this.#mayGetLost(open)) this.#kept.keep(id, data, headers);
      };
      handle(message, (error) => {
        this.#close(id);
        done(error);
      });
    };
  }

  /** Answers an inquiry. */
  answer(message: Message): void {
    const inquiry = parseJson(message.text(), InquirySchema);
    if (inquiry === undefined) return;
    const reply: InquiryReply = { states: inquiry.requests.map((id) => this.#stateOf(id)) };
    message.respond(JSON.stringify(reply));
  }

  close(): void {
    this.#stop();
    this.#kept.clear();
  }

  #stateOf(id: string): RequestState {
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      this.#nats.publish(id, kept.data, kept.headers);
      return "repeated";
    }
    const open = this.#open.get(id);
    if (open !== undefined) return open.isAnswered ? "streaming" : "running";
    return this.#callOff(id) ? "new" : "over";
  }

  /** Prevents a request that did not come from being begun later; false where it may have come. */
  #callOff(id: string): boolean {
    if (this.#calledOff.has(id)) return true;
    const { asker, number } = parseId(id);
    const over = this.#over.get(asker);
    const mayHaveCome = over === undefined ? this.#hasForgottenAskers : over.mayInclude(number);
    if (Number.isNaN(number) || mayHaveCome) return false;
    this.#calledOff.set(id, true);
    return true;
  }

  #mayGetLost({ takenAtMs }: Open): boolean {
    if (this.#nats.state !== "connected") return true;
    const nowMs = performance.now();
    return nowMs - takenAtMs >= LONG_REQUEST_MS || nowMs - this.#backAtMs < SETTLING_MS;
  }

  #close(id: string): void {
    this.#open.delete(id);
    const { asker, number } = parseId(id);
    if (!Number.isNaN(number)) this.#numbersOf(asker).note(number);
  }

  #numbersOf(asker: string): NotedNumbers {
    const known = this.#over.get(asker);
    if (known !== undefined) return known;
    const numbers = new NotedNumbers();
    this.#over.set(asker, numbers);
    return numbers;
  }
}

/** Other clients name their requests by random texts, which are longer. */
const MAX_DIGITS = 9;

/** A requester's prefix and its number for the request; NaN for an id of another client. */
function parseId(id: string): { asker: string; number: number } {
  const at = id.lastIndexOf(".") + 1;
  const number = id.length - at > MAX_DIGITS ? Number.NaN : Number.parseInt(id.slice(at), 36);
  return { asker: id.slice(0, at), number };
}
