/** The head of a call, in the form that its carrier needs. Each form is made once, when it is asked for. */
import { encodeRequest, encodeRequestText, NarunError, type RequestFacts } from "../../contracts/index.ts";
import type { SendableHead } from "../../dispatch/index.ts";
import type { Headers } from "../../nats/index.ts";

export class CallHead implements SendableHead {
  readonly isUpgrade = false;
  readonly hops: number;
  readonly requestId: string | undefined;
  readonly facts: RequestFacts;
  #headers: Headers | undefined;
  #text: string | undefined;

  constructor(facts: RequestFacts & { hops: number }) {
    this.facts = facts;
    this.hops = facts.hops;
    this.requestId = facts.requestId;
  }

  /** Whether it can be sent: a field or the target may be such that neither HTTP nor NATS carries it. */
  get isSendable(): boolean {
    return this.text() !== undefined || this.#encode() !== undefined;
  }

  /** Throws BAD_REQUEST where it is not sendable. */
  headers(): Headers {
    const headers = this.#encode();
    if (headers === undefined) throw new NarunError("BAD_REQUEST");
    return headers;
  }

  text(): string | undefined {
    this.#text ??= encodeRequestText(this.facts, undefined);
    return this.#text;
  }

  #encode(): Headers | undefined {
    this.#headers ??= encodeRequest(this.facts, {});
    return this.#headers;
  }
}
