/**
 * Wakes functions by plain NATS: a request to a function's own subject, or to that of an action, is held here, and goes on to an
 * instance through dispatch.
 *
 * I1  The subjects of a function are subscribed to exactly while no live instance of it is known (liveness.ts), in the queue group of
 *     the instances. Where both have a subscription, each request goes to one of them.
 * I2  Before an instance of this node is told to drain, the subscription is live on the server (`beforeDrain`): no request finds
 *     neither.
 * I3  A gateway of narun that sends to the subject means a consumer that narun did not start. It is told that nothing began.
 * I4  Requests that have come are answered, also after the subscription has ended.
 */
import {
  encodeError,
  type FunctionSpec,
  headerNames,
  messageBytes,
  REQUEST_QUEUE,
  subjectOfAction,
} from "../../contracts/index.ts";
import { createRelay, type Dispatch, type Dispatched, type Relay } from "../../dispatch/index.ts";
import { failMessage, Ledger, type Message, type SubjectSet } from "../../nats/index.ts";
import { createPeers } from "../../streams/index.ts";
import type { TriggerKind, TriggerParts } from "../kind.ts";
import { Liveness } from "./liveness.ts";
import { answerPlain, headOf, type PlainRequest, readPlainRequest } from "./request.ts";

/** Upper bound of the wait for the server before an instance drains: a server that is away answers no request. */
const COVER_MS = 1_000;

/** Upper bound of the header fields that dispatch adds. */
const HEAD_ROOM_BYTES = 512;

export function createResponder(parts: TriggerParts): TriggerKind {
  return new Responder(parts);
}

class Responder implements TriggerKind {
  readonly #parts: TriggerParts;
  readonly #asleep: SubjectSet;
  readonly #liveness: Liveness;
  /** The subjects of each function: its name, and the subjects of its actions. */
  readonly #functions = new Map<string, readonly string[]>();
  #relay: { relay: Relay; close(): void } | undefined;
  #open = 0;
  #onIdle: (() => void) | undefined;
  #isClosed = false;

  constructor(parts: TriggerParts) {
    const { nats, log } = parts;
    this.#parts = parts;
    this.#asleep = nats.openSubjects(REQUEST_QUEUE, (message) => this.#take(message));
    this.#liveness = new Liveness({ nats, log, onChange: (name) => this.#look(name) });
    void this.#liveness.discover();
  }

  onSpec(name: string, spec: FunctionSpec | undefined): void {
    const before = this.#functions.get(name) ?? [];
    const subjects = spec === undefined ? [] : subjectsOf(spec);
    if (spec === undefined) this.#functions.delete(name);
    else this.#functions.set(name, subjects);
    for (const subject of before) if (!subjects.includes(subject)) this.#asleep.delete(subject);
    this.#look(name);
  }

  async beforeDrain(names: readonly string[]): Promise<void> {
    const { nats } = this.#parts;
    if (this.#isClosed || nats.state !== "connected") return;
    const subjects = names.flatMap((name) => this.#functions.get(name) ?? []);
    const added = subjects.filter((subject) => !this.#asleep.has(subject));
    if (added.length === 0) return;
    for (const subject of added) this.#asleep.add(subject);
    await Promise.race([nats.flush().catch(() => undefined), wait(COVER_MS)]);
  }

  async drain({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isClosed = true;
    this.#liveness.close();
    this.#asleep.close();
    // All requests that the server sent before it heard of the end have come when it answers.
    await Promise.race([this.#parts.nats.flush().catch(() => undefined), wait(COVER_MS)]);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    if (this.#open > 0) await Promise.race([promise, wait(graceMs)]);
    this.#relay?.close();
  }

  /** Subscribes where the function sleeps, and ends that where it does not (I1). */
  #look(name: string): void {
    if (this.#isClosed) return;
    const isAsleep = !this.#liveness.isLive(name);
    for (const subject of this.#functions.get(name) ?? []) {
      if (isAsleep) this.#asleep.add(subject);
      else this.#asleep.delete(subject);
    }
  }

  #take(message: Message): void {
    const { nats } = this.#parts;
    const [name = ""] = message.subject.split(".", 1);
    const spec = this.#parts.specOf(name);
    if (spec === undefined || message.headers?.has(headerNames.world) === true) {
      message.respond("", encodeError("INSTANCE_DRAINING", undefined));
      return;
    }
    const request = readPlainRequest(message, spec);
    if (typeof request === "string") {
      const detail = `The message is no request: ${request}.`;
      failMessage(message, spec, { code: "BAD_REQUEST", detail });
      return;
    }
    const { headers, data, requestId, method } = request;
    const bytes = messageBytes(headers, data) + HEAD_ROOM_BYTES;
    if (data.byteLength > spec.limits.maxBodyBytes || bytes > nats.maxPayload)
      failMessage(message, spec, { code: "BODY_TOO_LARGE", requestId, method });
    else void this.#forward(message, spec, request);
  }

  async #forward(message: Message, spec: FunctionSpec, request: PlainRequest): Promise<void> {
    this.#open += 1;
    const endsAtMs = performance.now() + request.timeoutMs;
    try {
      const dispatch = await this.#parts.calls.dispatch();
      await this.#dispatch(dispatch, message, spec, request, endsAtMs);
    } finally {
      this.#open -= 1;
      if (this.#open === 0) this.#onIdle?.();
    }
  }

  /** Resolves when the client has its answer, or is gone. */
  #dispatch(
    { dispatcher, presence }: Dispatch,
    message: Message,
    spec: FunctionSpec,
    request: PlainRequest,
    endsAtMs: number,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let dispatched: Dispatched | undefined;
    const cancel = () => dispatched && dispatcher.cancel(dispatched);
    const over = () => {
      call?.close();
      resolve();
    };
    const call = this.#isStreamed(message)
      ? this.#openRelay(presence).open(message, () => {
          cancel();
          over();
        })
      : undefined;
    const { data } = request;
    const { maxPayload } = this.#parts.nats;
    const { counts } = this.#parts.calls;
    dispatched = dispatcher.dispatch({
      service: spec.name,
      head: headOf(request),
      data,
      rest: call?.rest(data.byteLength, spec.limits.maxBodyBytes, () => {
        cancel();
        answerPlain(message, spec, request, { kind: "failed", code: "BODY_TOO_LARGE" }, maxPayload);
        over();
      }),
      streams: call !== undefined,
      isRepeatable: request.isRepeatable,
      endsAtMs,
      settle(outcome) {
        counts.note(spec.name, "request", outcome.kind === "failed" ? "failed" : "answered");
        if (outcome.kind === "stream") return call?.respond(outcome.reply.headers(), outcome.body, over);
        answerPlain(message, spec, request, outcome, maxPayload);
        over();
      },
    });
    return promise;
  }

  #isStreamed({ headers }: Message): boolean {
    return headers?.has(headerNames.stream) === true;
  }

  /** The streams of clients, from the first on. */
  #openRelay(presence: Dispatch["presence"]): Relay {
    if (this.#relay === undefined) {
      const { nats } = this.#parts;
      const peers = createPeers(nats);
      const ledger = new Ledger(nats);
      const relay = createRelay({ nats, peers, presence, ledger });
      const close = () => {
        relay.close();
        ledger.close();
        peers.close();
      };
      this.#relay = { relay, close };
    }
    return this.#relay.relay;
  }
}

function subjectsOf({ name, interface: description }: FunctionSpec): string[] {
  return [name, ...(description?.actions ?? []).map(subjectOfAction)];
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
