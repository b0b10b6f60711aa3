/**
 * Pulls messages from a durable consumer by requests of its own, as the client library's `consume()` is silent for most of a
 * minute after the death of a stream's leader, and its `fetch()` drops messages that come after it was stopped.
 *
 * I1  One request is open at a time. It asks for the messages that the owner wants and did not get yet.
 * I2  A request waits at the server, which shows by beats that the consumer is there: in a cluster more often, as its server
 *     may die while the connection lives. Where two beats are missing, or
 *     the server ends the request for a reason other than its time, the owner hears of it, and asks again.
 * I3  After `close` no message reaches `onMessage`; messages that were on their way are given back.
 */
import type { Nats } from "../connection.ts";
import type { Message } from "../message.ts";
import type { Subscription } from "../subscriptions.ts";
import { type Delivery, type PulledMessage, readDelivery } from "./pulled-message.ts";

export interface PullOptions {
  nats: Nats;
  stream: string;
  consumer: string;
  onMessage(message: PulledMessage): void;
  /** Gives a message back that was on its way at `close`. Default: at once. */
  onLate?(message: PulledMessage): void;
  /** The consumer is gone, or its server is: the owner looks, and calls `resume`. */
  onTrouble(): void;
}

/** How long a request waits at the server. */
const EXPIRES_MS = 30_000;
const BEAT_MS = 5_000;
const CLUSTER_BEAT_MS = 1_000;
const NANOS_PER_MS = 1_000_000;

/** Statuses of the server (ADR-37, ADR-15). */
const BEAT = 100;
const NO_MESSAGES = 404;
const TIME_OVER = 408;

interface OpenRequest {
  token: string;
  /** Messages that are still to come. */
  left: number;
  heardMs: number;
}

export class Pull {
  readonly #options: PullOptions;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #watch: NodeJS.Timeout;
  readonly #beatMs: number;
  readonly #stopWatchingState: () => void;
  #number = 0;
  /** Messages that are wanted beyond the open request's. */
  #wanted = 0;
  #open: OpenRequest | undefined;
  #isPaused = false;
  #isClosed = false;

  constructor(options: PullOptions) {
    const { nats } = options;
    this.#options = options;
    this.#inbox = nats.createInbox();
    this.#beatMs = nats.cluster.isCluster ? CLUSTER_BEAT_MS : BEAT_MS;
    this.#subscription = nats.subscribe(`${this.#inbox}.*`, (message) => this.#take(message));
    this.#watch = setInterval(() => this.#listen(), this.#beatMs).unref();
    this.#stopWatchingState = nats.onState((state) => {
      if (state === "connected") this.#onTrouble();
    });
  }

  /** Asks for so many messages more. */
  want(count: number): void {
    this.#wanted += count;
    this.#ask();
  }

  /** The consumer is there again. */
  resume(): void {
    this.#isPaused = false;
    this.#ask();
  }

  /** Takes nothing more. Resolves when the messages that the server had sent already were given back. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#watch);
    this.#stopWatchingState();
    await this.#subscription.drain().catch(() => undefined);
  }

  #ask(): void {
    if (this.#isClosed || this.#isPaused || this.#open !== undefined || this.#wanted === 0) return;
    const { nats, stream, consumer } = this.#options;
    const batch = this.#wanted;
    const token = String(this.#number++);
    this.#wanted = 0;
    this.#open = { token, left: batch, heardMs: performance.now() };
    const request = {
      batch,
      expires: EXPIRES_MS * NANOS_PER_MS,
      idle_heartbeat: this.#beatMs * NANOS_PER_MS,
    };
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    try {
      nats.connection.publish(subject, JSON.stringify(request), { reply: `${this.#inbox}.${token}` });
    } catch {
      // The connection closes: its owner ends this, too.
      this.#end(batch);
    }
  }

  #take(message: Message): void {
    const delivery = readDelivery(message.reply);
    if (delivery === undefined) this.#onStatus(message);
    else if (this.#isClosed) this.#giveBack(pulled(message, delivery));
    else this.#show(pulled(message, delivery));
  }

  #giveBack(message: PulledMessage): void {
    const { onLate } = this.#options;
    if (onLate === undefined) message.giveBack();
    else onLate(message);
  }

  #show(message: PulledMessage): void {
    const open = this.#open;
    if (open !== undefined) {
      open.heardMs = performance.now();
      open.left -= 1;
      if (open.left === 0) this.#open = undefined;
    }
    this.#options.onMessage(message);
    this.#ask();
  }

  #onStatus({ status, subject }: Message): void {
    const open = this.#open;
    if (open === undefined || subject !== `${this.#inbox}.${open.token}`) return;
    open.heardMs = performance.now();
    if (status === BEAT) return;
    this.#end(open.left);
    if (status === TIME_OVER || status === NO_MESSAGES) this.#ask();
    else this.#onTrouble();
  }

  #listen(): void {
    const open = this.#open;
    if (open !== undefined && performance.now() - open.heardMs > 2 * this.#beatMs) this.#onTrouble();
  }

  #end(left: number): void {
    this.#open = undefined;
    this.#wanted += left;
  }

  #onTrouble(): void {
    if (this.#isPaused || this.#isClosed) return;
    this.#isPaused = true;
    if (this.#open !== undefined) this.#end(this.#open.left);
    this.#options.onTrouble();
  }
}

function pulled(message: Message, delivery: Delivery): PulledMessage {
  return {
    ...delivery,
    subject: message.subject,
    data: message.data,
    headers: message.headers,
    ack: () => message.respond("+ACK"),
    giveBack: (delayMs = 0) =>
      message.respond(delayMs > 0 ? `-NAK {"delay": ${Math.round(delayMs) * NANOS_PER_MS}}` : "-NAK"),
    extend: () => message.respond("+WPI"),
  };
}
