/**
 * The due messages of all workflows: a pull consumer that the runners share.
 *
 * I1  A message is acknowledged by its taker, whose time is extended meanwhile. A taker that died lets it be delivered again.
 * I2  At most `most` messages are in hand, or asked for.
 * I3  A server, or a leader, that is gone ends a request for messages without notice: a request that nothing was heard of when it
 *     should have ended, or of which three beats are missing, counts as gone. A cluster, whose servers die alone, sends beats.
 */
import { randomUUID } from "node:crypto";
import { headerValue, stores } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import type { Message } from "../message.ts";
import type { WorkflowName } from "./journal.ts";

export interface DueMessage extends WorkflowName {
  seq: number;
  /** When it was stored, in epoch milliseconds. */
  at: number;
  /** The input, JSON. */
  text: string;
  /** It was delivered before: its taker died, or was too slow. */
  isRedelivered: boolean;
  /** Done with it. */
  ack(): void;
  /** Lets it be delivered again, after a delay. */
  giveBack(delayMs: number): void;
}

export interface DueMessagesOptions {
  nats: Nats;
  /** Upper bound of the messages in hand. */
  most: number;
  take(message: DueMessage): void;
}

/** How long a request for messages stands at the server. */
const EXPIRES_MS = 30_000;
const SLACK_MS = 5_000;
const BEAT_MS = 1_000;
const SILENCE_MS = 3 * BEAT_MS;
/** How long the next request waits after an early end. */
const PAUSE_MS = 250;
const NANOS_PER_MS = 1_000_000;
/** Statuses of a request for messages (NATS ADR-9, ADR-13). */
const HEARTBEAT = 100;
const EXPIRED = 408;
const { stream, consumer, ackWaitMs } = stores.workflows;

export class DueMessages {
  readonly #options: DueMessagesOptions;
  readonly #inbox = `_INBOX.narun-due-${randomUUID()}`;
  readonly #inHand = new Set<Message>();
  /** Messages that the server may deliver for the requests that stand. */
  #asked = 0;
  #requests = 0;
  #isStopped = false;
  readonly #closers: (() => void)[] = [];
  #silence: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(options: DueMessagesOptions) {
    this.#options = options;
    const { nats } = options;
    const subscription = nats.subscribe(`${this.#inbox}.*`, (message) => this.#hear(message));
    const extending = setInterval(() => {
      for (const message of this.#inHand) message.respond("+WPI");
    }, ackWaitMs / 4);
    const endListening = nats.onState((state) => {
      if (state === "connected") this.#askAnew();
    });
    this.#closers.push(
      () => subscription.unsubscribe(),
      endListening,
      () => clearInterval(extending),
    );
    this.#askAnew();
  }

  /** Takes no more messages. The messages in hand are still extended, until `close`. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#pause);
  }

  /** The messages in hand are delivered again, to other runners, when their time is over. */
  close(): void {
    this.stop();
    for (const close of this.#closers.splice(0)) close();
    this.#inHand.clear();
  }

  #askAnew(): void {
    this.#asked = 0;
    this.#ask();
  }

  #ask(): void {
    if (this.#isStopped) return;
    const { nats, most } = this.#options;
    const room = most - this.#inHand.size - this.#asked;
    if (room < most / 2) return;
    this.#asked += room;
    this.#requests += 1;
    const beat = nats.cluster.isCluster ? { idle_heartbeat: BEAT_MS * NANOS_PER_MS } : {};
    const request = { batch: room, expires: EXPIRES_MS * NANOS_PER_MS, ...beat };
    nats.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), {
      reply: `${this.#inbox}.${this.#requests}`,
    });
    this.#listenOn();
  }

  #listenOn(): void {
    clearTimeout(this.#silence);
    if (this.#isStopped) return;
    const silenceMs = this.#options.nats.cluster.isCluster ? SILENCE_MS : EXPIRES_MS + SLACK_MS;
    this.#silence = setTimeout(() => this.#askAnew(), silenceMs);
  }

  #hear(message: Message): void {
    this.#listenOn();
    if (message.status !== 0 || message.reply === undefined) this.#hearStatus(message);
    else this.#hearDue(message, message.reply);
  }

  #hearDue(message: Message, reply: string): void {
    this.#asked = Math.max(0, this.#asked - 1);
    const due = this.#read(message, reply);
    // A message in hand that is not taken would be delivered for ever.
    if (due === undefined) message.respond("+TERM");
    else if (this.#isStopped) message.respond("-NAK");
    else {
      this.#inHand.add(message);
      this.#options.take(due);
    }
    this.#ask();
  }

  /** A request has ended: its time is over, the consumer's leader changed, or there is no consumer. */
  #hearStatus({ status, headers }: Message): void {
    if (status === HEARTBEAT) return;
    const left = Number(headerValue(headers, "Nats-Pending-Messages"));
    this.#asked = Number.isFinite(left) ? Math.max(0, this.#asked - left) : 0;
    clearTimeout(this.#pause);
    if (status === EXPIRED) this.#ask();
    else this.#pause = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  #read(message: Message, reply: string): DueMessage | undefined {
    const [, workflow, id] = /\.w\.([^.]+)\.([^.]+)\.in$/.exec(message.subject) ?? [];
    const facts = readAckSubject(reply);
    if (workflow === undefined || id === undefined || facts === undefined) return undefined;
    const end = (text: string) => {
      if (!this.#inHand.delete(message)) return;
      message.respond(text);
      this.#ask();
    };
    return {
      ...{ workflow, id },
      seq: facts.seq,
      at: facts.at,
      text: message.text(),
      isRedelivered: facts.deliveries > 1,
      ack: () => end("+ACK"),
      giveBack: (delayMs) => end(`-NAK {"delay": ${delayMs * NANOS_PER_MS}}`),
    };
  }
}

/** The facts in the subject of an acknowledgement: `$JS.ACK.[domain.account.]stream.consumer.deliveries.seq.seq.time.pending[.token]`. */
function readAckSubject(reply: string): { deliveries: number; seq: number; at: number } | undefined {
  const tokens = reply.split(".");
  const from = tokens.length > 9 ? 6 : 4;
  const [deliveries, seq, , time] = tokens.slice(from);
  if (deliveries === undefined || seq === undefined || time === undefined) return undefined;
  return { deliveries: Number(deliveries), seq: Number(seq), at: Math.floor(Number(time) / NANOS_PER_MS) };
}
