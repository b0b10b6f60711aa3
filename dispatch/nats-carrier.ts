/** The carrier over NATS: a request is one message, and so is its reply (docs/wire.md, "HTTP over NATS"). */
import {
  type DecodedReply,
  decodeReply,
  type FieldReading,
  type Headers,
  headerNames,
  headerValue,
  isServiceError,
  setTimeLeft,
  subjects,
} from "../contracts/index.ts";
import { isNoResponders, type Message, type Nats, type PendingReply } from "../nats/index.ts";
import { frameOf, NatsAnswerer, OutgoingExchange, type StreamPresence } from "../streams/index.ts";
import { bhttpMessage, readBhttpAnswer, wantsBhttp } from "./bhttp-message.ts";
import type { Answer, CarrierEvents, Line, Reply, Sending } from "./carrier.ts";
import type { Instance } from "./instance.ts";
import type { Job, Target } from "./job.ts";
import type { Wires } from "./wires.ts";

export interface NatsCarrierOptions {
  nats: Nats;
  presence: StreamPresence;
  /** How requests to a service's own subject travel. */
  wires: Pick<Wires, "now" | "learn">;
  /** The subject of an instance's requests. Default: that of gateways. */
  subjectOf?: ((instance: Instance) => string) | undefined;
  events: CarrierEvents<Job>;
}

export interface NatsCarrier {
  /** Throws where NATS can never take the message. */
  send(job: Job, target: Target): Sending;
}

export function createNatsCarrier(options: NatsCarrierOptions): NatsCarrier {
  const { nats, presence, wires, events } = options;
  const subjectOf = options.subjectOf ?? (({ id }: Instance) => subjects.instanceRequests(id));
  /** A consumer whose request and answer are one message each: a program, or one that narun did not start. */
  const sendWhole = (job: Job, subject: string, headers: Headers) => {
    const { service, request } = job;
    // A call of gRPC has one form, whichever form HTTP has.
    const isCall = headers.has(headerNames.grpcMethod);
    const isBhttp = !isCall && wires.now(service) === "bhttp";
    const { data } = request;
    const message = isBhttp ? bhttpMessage(headers, bytesOf(data), service) : { headers, data };
    const read = (reply: Message) => {
      if (isBhttp) return readBhttpAnswer(reply);
      return !isCall && wantsBhttp(reply) && wires.learn(service, "bhttp")
        ? WANTS_BHTTP
        : readAnswer(reply, undefined);
    };
    const pending = nats.send(
      subject,
      message.data,
      message.headers,
      (reply) => void (isFrame(reply) || events.onAnswer(job, read(reply))),
      ({ code }) => events.onNotPermitted(job, code),
    );
    return new NatsSending(nats, pending, undefined);
  };
  return {
    send(job, target) {
      const { request } = job;
      const headers = request.head.headers();
      const exchange = openExchange({ nats, presence, wires, events }, job, target, headers);
      if (target === "shared") return sendWhole(job, job.service, headers);
      const subject = subjectOf(target);
      if (target.isProgram) return sendWhole(job, subject, headers);
      const onReply = (message: Message) => {
        if (isFrame(message)) takeFrame(message, exchange);
        else events.onAnswer(job, readAnswer(message, exchange));
      };
      try {
        const pending = nats.send(subject, request.data, headers, onReply, ({ code }) =>
          events.onNotPermitted(job, code),
        );
        return new NatsSending(nats, pending, exchange);
      } catch (error) {
        exchange?.close();
        throw error;
      }
    },
  };
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? Buffer.from(data) : data;
}

class NatsSending implements Sending {
  readonly line: Line;
  readonly exchange: OutgoingExchange | undefined;
  readonly #pending: PendingReply;

  constructor(line: Line, pending: PendingReply, exchange: OutgoingExchange | undefined) {
    this.line = line;
    this.#pending = pending;
    this.exchange = exchange;
  }

  get number(): number {
    return this.#pending.number;
  }

  get subject(): string {
    return this.#pending.subject;
  }

  release(): void {
    this.#pending.release();
    this.exchange?.close();
  }
}

/**
 * Sets the headers that differ at each sending: the time that is left, the world, and the token of the exchange. A consumer
 * that narun did not start may know no streams, and gets no token.
 */
function openExchange(
  { nats, presence, events }: NatsCarrierOptions,
  job: Job,
  target: Target,
  headers: Headers,
): OutgoingExchange<NatsAnswerer> | undefined {
  const { rest, streams, endsAtMs } = job.request;
  setTimeLeft(headers, endsAtMs);
  headers.delete(headerNames.stream);
  headers.delete(headerNames.body);
  if (target === "shared") headers.set(headerNames.world, [nats.world.id]);
  else headers.delete(headerNames.world);
  if (target === "shared" || target.isProgram || !streams) return undefined;
  const exchange = new OutgoingExchange({
    channel: new NatsAnswerer({ nats, presence, answerer: target.id }),
    rest,
    onRestOver: () => events.onBodyOver(job),
  });
  headers.set(headerNames.stream, [exchange.channel.token]);
  if (rest !== undefined) headers.set(headerNames.body, ["stream"]);
  return exchange;
}

const NO_RESPONDERS: Answer = { kind: "no-responders" };
export const DRAINING: Answer = { kind: "draining" };
export const FULL: Answer = { kind: "full" };
export const UNREADABLE: Answer = { kind: "unreadable" };

function isFrame({ isReadable, headers }: Message): boolean {
  return isReadable && headers?.has(headerNames.frame) === true;
}

function takeFrame(message: Message, exchange: OutgoingExchange<NatsAnswerer> | undefined): void {
  const frame = frameOf(message);
  if (frame === undefined || exchange === undefined) return;
  exchange.channel.meet(message);
  exchange.receive(frame, message);
}

/** Reads a message for a request without an exchange over NATS; undefined for a frame. */
export function readMessage(message: Message): Answer | undefined {
  return isFrame(message) ? undefined : readAnswer(message, undefined);
}

const WANTS_BHTTP: Answer = { kind: "wants-bhttp" };

function readAnswer(message: Message, exchange: OutgoingExchange<NatsAnswerer> | undefined): Answer {
  if (!message.isReadable) return UNREADABLE;
  if (isNoResponders(message)) return NO_RESPONDERS;
  const { headers } = message;
  const code = headerValue(headers, headerNames.error);
  if (code === "INSTANCE_DRAINING") return DRAINING;
  if (code === "INSTANCE_FULL") return FULL;
  const reply = new MessageReply(message);
  if (headers?.has(headerNames.stream) !== true) return { kind: "reply", reply };
  if (exchange === undefined) return UNREADABLE;
  exchange.channel.meet(message);
  return { kind: "stream", reply };
}

const READING: FieldReading = { names: "as-sent", omitted: new Set(["content-length", "x-request-id"]) };

class MessageReply implements Reply {
  readonly #message: Message;

  constructor(message: Message) {
    this.#message = message;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get isError(): boolean {
    return isServiceError(this.#message.headers);
  }

  read(): DecodedReply {
    return decodeReply(this.#message, READING);
  }

  headers(): Headers {
    return new Map(this.#message.headers ?? []);
  }
}
