/**
 * Notices the calls that gateways accepted, and loads what runs them.
 *
 * I1  A node looks for calls when it starts, when NATS was away, and whenever a gateway tells of one.
 * I2  A node without calls has one subscription for them, and nothing else.
 */
import { type FunctionSpec, messageOf, subjects } from "../contracts/index.ts";
import { hasCalls, type Subscription } from "../nats/index.ts";
import type { CallRunners } from "./calls/index.ts";
import type { TriggerMetric, TriggerParts } from "./kind.ts";

export class WaitingCalls {
  readonly #parts: TriggerParts;
  readonly #subscription: Subscription;
  readonly #stopWatchingState: () => void;
  #loading: Promise<CallRunners> | undefined;
  #loaded: CallRunners | undefined;
  #isDraining = false;

  constructor(parts: TriggerParts) {
    const { nats } = parts;
    this.#parts = parts;
    const prefix = subjects.callStored("");
    this.#subscription = nats.subscribe(subjects.callsStoredAll, ({ subject }) =>
      this.#tell((runners) => runners.read(subject.slice(prefix.length))),
    );
    this.#stopWatchingState = nats.onState((state) => {
      if (state === "connected") void this.#look();
    });
    void this.#look();
  }

  onSpec(name: string, spec: FunctionSpec | undefined): void {
    if (spec !== undefined && this.#loading !== undefined) this.#tell((runners) => runners.onSpec(name));
  }

  metrics(): TriggerMetric[] {
    return this.#loaded?.metrics() ?? [];
  }

  async drain(grace: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    this.#subscription.unsubscribe();
    this.#stopWatchingState();
    await (await this.#loading)?.drain(grace);
  }

  async #look(): Promise<void> {
    const { nats, log } = this.#parts;
    try {
      if (await hasCalls(nats)) this.#tell((runners) => runners.look());
    } catch (error) {
      log.warn({ error: messageOf(error) }, "could not look for calls that wait");
    }
  }

  #tell(use: (runners: CallRunners) => void): void {
    if (this.#isDraining) return;
    this.#loading ??= import("./calls/index.ts").then(({ CallRunners }) => {
      this.#loaded = new CallRunners(this.#parts);
      return this.#loaded;
    });
    void this.#loading.then((runners) => {
      if (!this.#isDraining) use(runners);
    });
  }
}
