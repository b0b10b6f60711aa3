/**
 * Streams of those who ask over NATS: between their frames and the instance's.
 *
 * I1  A caller's exchange is known by its token until its request is over, however it ended.
 * I2  Neither side is granted more than the other has taken.
 */
import { subjects } from "../contracts/index.ts";
import {
  Answering,
  type BodyRest,
  type Headers,
  type Message,
  type Nats,
  type Peers,
  type ResponseBody,
  type StreamReceiver,
} from "../nats/index.ts";

export interface Relay {
  /** The caller's exchange; undefined where it takes one message only. `onGone`: it no longer waits. */
  open(message: Message, onGone: (code: string) => void): RelayedCall | undefined;
  close(): void;
}

export interface RelayedCall {
  /** What the request's message does not carry of its body. `onTooLarge`: it has passed `maxBytes`. */
  rest(alreadyRead: number, maxBytes: number, onTooLarge: () => void): BodyRest | undefined;
  /** Passes a streamed answer on; `onOver` is called when it ended. */
  respond(head: Headers, body: ResponseBody, onOver: () => void): void;
  /** The request is over. */
  close(): void;
}

const WINDOW_BYTES = 256 * 1024;
/** What waits for the other side, before this one is no longer granted anything. */
const MAX_WAITING_BYTES = 64 * 1024;

/** `id`: the gateway's, in the subjects of what its callers say. */
export function createRelay({ nats, peers, id }: { nats: Nats; peers: Peers; id: string }): Relay {
  const calls = new Map<string, Answering>();
  const hear = (all: string, prefix: string) =>
    nats.subscribe(all, (message) => calls.get(message.subject.slice(prefix.length))?.receive(message));
  const subscriptions = [
    hear(subjects.streamControlAll(id), subjects.streamControl(id, "")),
    hear(subjects.streamControlToAnyAll, subjects.streamControlToAny("")),
  ];
  return {
    open(message, onGone) {
      const answering = Answering.of({ nats, peers, message, answerer: id, isStranger: true, onGone });
      // Whoever uses the token of another does not get to be heard in its place.
      if (answering === undefined || calls.has(answering.token)) return undefined;
      calls.set(answering.token, answering);
      return relayedCall(answering, () => {
        calls.delete(answering.token);
        answering.close();
      });
    },
    close() {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

function relayedCall(answering: Answering, close: () => void): RelayedCall {
  return {
    rest: (alreadyRead, maxBytes, onTooLarge) =>
      answering.hasStreamedBody ? restOf(answering, alreadyRead, maxBytes, onTooLarge) : undefined,
    respond(head, body, onOver) {
      const owed = createDebt((bytes) => body.consumed(bytes));
      const sender = answering.beginResponse(head, {
        onCredit: () => owed.pay(sender.waitingBytes),
        // The exchange ends with its caller, see `onGone`.
        onCancel: () => undefined,
        onEnded: onOver,
      });
      body.open({
        onData(bytes) {
          sender.write(Buffer.from(bytes));
          owed.add(bytes.byteLength, sender.waitingBytes);
        },
        onEnd(end) {
          if (end.kind === "whole") return sender.end(end.trailers);
          sender.break(end.code);
          onOver();
        },
      });
    },
    close,
  };
}

function restOf(
  answering: Answering,
  alreadyRead: number,
  maxBytes: number,
  onTooLarge: () => void,
): BodyRest {
  let receiver: StreamReceiver | undefined;
  return {
    pipe(sender) {
      let size = alreadyRead;
      const source = answering.receiveBody({
        onData(bytes) {
          size += bytes.byteLength;
          if (size > maxBytes) {
            sender.break("BODY_TOO_LARGE");
            source.cancel("BODY_TOO_LARGE");
            return onTooLarge();
          }
          sender.write(Buffer.from(bytes));
          owed.add(bytes.byteLength, sender.waitingBytes);
        },
        onEnd(end) {
          if (end.kind === "whole") sender.end(end.trailers);
          else sender.break(end.code);
        },
      });
      const owed = createDebt((bytes) => source.consumed(bytes, WINDOW_BYTES));
      receiver = source;
      source.grant(WINDOW_BYTES);
      return () => owed.pay(sender.waitingBytes);
    },
    cancel: () => receiver?.cancel("BODY_NOT_WANTED"),
  };
}

/** Bytes that were taken and not yet passed on: they are granted again when little waits. */
function createDebt(consumed: (bytes: number) => void) {
  let owed = 0;
  const pay = (waitingBytes: number) => {
    if (owed === 0 || waitingBytes > MAX_WAITING_BYTES) return;
    consumed(owed);
    owed = 0;
  };
  return {
    add(bytes: number, waitingBytes: number) {
      owed += bytes;
      pay(waitingBytes);
    },
    pay,
  };
}
