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
import type { Headers } from "../headers.ts";
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

/** A reply as it would go out on NATS. */
export interface LostReply {
  data: Uint8Array | string;
  headers: Headers | undefined;
}

/** The requests of one asker. */
class Asker {
  readonly open = new Map<number, Noted>();
  readonly over = new NotedNumbers();
}

/** A request that the ledger has noted. */
export class Noted {
  readonly takenAtMs = performance.now();
  isAnswered = false;
  readonly #ledger: Ledger;
  readonly #asker: Asker;
  readonly #prefix: string;
  readonly #number: number;

  constructor(ledger: Ledger, asker: Asker, prefix: string, number: number) {
    this.#ledger = ledger;
    this.#asker = asker;
    this.#prefix = prefix;
    this.#number = number;
    asker.open.set(number, this);
  }

  /** The answer, or its head, was sent. `lost`: a whole answer that did not reach its asker, who may ask for it. */
  answered(lost: LostReply | undefined): void {
    this.isAnswered = true;
    if (lost !== undefined) this.#ledger.keep(this.#prefix + this.#number.toString(36), lost);
  }

  over(): void {
    this.#asker.open.delete(this.#number);
    this.#asker.over.note(this.#number);
  }
}

export class Ledger {
  readonly #nats: Nats;
  readonly #askers = new Map<string, Asker>();
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
      const { asker, number } = parseId(message.reply ?? "");
      if (Number.isNaN(number)) return handle(message, done);
      const noted = this.note(asker, number);
      if (noted === undefined) return done();
      const { respond } = message;
      message.respond = (data, headers) => {
        respond(data, headers);
        const beginsStream = headers?.has(headerNames.stream) === true;
        noted.answered(!beginsStream && this.#mayGetLost(noted) ? { data, headers } : undefined);
      };
      handle(message, (error) => {
        noted.over();
        done(error);
      });
    };
  }

  /** Notes a request by its asker's prefix and its number; undefined where it was called off, and must not begin. */
  note(prefix: string, number: number): Noted | undefined {
    if (this.#calledOff.size > 0 && this.#calledOff.has(prefix + number.toString(36))) return undefined;
    return new Noted(this, this.#askers.get(prefix) ?? this.#addAsker(prefix), prefix, number);
  }

  /** Keeps a reply that may be lost. */
  keep(id: string, { data, headers }: LostReply): void {
    this.#kept.keep(id, data, headers);
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
    const { asker, number } = parseId(id);
    const noted = this.#askers.get(asker)?.open.get(number);
    if (noted !== undefined) return noted.isAnswered ? "streaming" : "running";
    return this.#callOff(id, asker, number) ? "new" : "over";
  }

  /** Prevents a request that did not come from being begun later; false where it may have come. */
  #callOff(id: string, prefix: string, number: number): boolean {
    if (this.#calledOff.has(id)) return true;
    const asker = this.#askers.get(prefix);
    const mayHaveCome = asker === undefined ? this.#hasForgottenAskers : asker.over.mayInclude(number);
    if (Number.isNaN(number) || mayHaveCome) return false;
    this.#calledOff.set(id, true);
    return true;
  }

  #mayGetLost({ takenAtMs }: Noted): boolean {
    if (this.#nats.state !== "connected") return true;
    const nowMs = performance.now();
    return nowMs - takenAtMs >= LONG_REQUEST_MS || nowMs - this.#backAtMs < SETTLING_MS;
  }

  /** The oldest asker without open requests is forgotten where there are too many. */
  #addAsker(prefix: string): Asker {
    if (this.#askers.size >= MAX_ASKERS) {
      const [oldest] = this.#askers.entries().find(([, { open }]) => open.size === 0) ?? [];
      if (oldest !== undefined) {
        this.#askers.delete(oldest);
        this.#hasForgottenAskers = true;
      }
    }
    const asker = new Asker();
    this.#askers.set(prefix, asker);
    return asker;
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
