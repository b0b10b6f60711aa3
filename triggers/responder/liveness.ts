/**
 * The functions that have a live instance somewhere: they answer plain NATS by themselves.
 *
 * I1  An error is on the side of "asleep": a live function that counts as asleep is answered in one more hop, a sleeping
 *     function that counts as live would not be answered. So nothing is known after a break, and a node that is lost has no instances.
 * I2  An instance that left is not live again by a late answer to `$SRV.PING`.
 */
import {
  AnnouncementSchema,
  BoundedMap,
  InstanceMetadataSchema,
  messageOf,
  parseJson,
  subjects,
} from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import { discoverServices, followNodes, type Message, type Nats } from "../../nats/index.ts";

/** Upper bound of the instances that are remembered as gone. */
const MAX_DEPARTED = 1_000;

export interface LivenessOptions {
  nats: Nats;
  /** A function may have become live, or asleep. */
  onChange(name: string): void;
  log: Log;
}

export class Liveness {
  readonly #options: LivenessOptions;
  /** Function → its instances, each with its node. */
  readonly #live = new Map<string, Map<string, string>>();
  readonly #departed = new BoundedMap<string, true>(MAX_DEPARTED);
  readonly #closers: (() => void)[];

  constructor(options: LivenessOptions) {
    this.#options = options;
    const { nats } = options;
    const announcements = nats.subscribe(subjects.announcementsAll, (message) => this.#hear(message));
    const nodes = followNodes({
      nats,
      onAppeared: () => undefined,
      onLost: (node) => this.#lose(node),
    });
    const stopWatching = nats.onState((state) => {
      if (state !== "connected") return;
      this.#forget();
      void this.discover();
    });
    this.#closers = [() => announcements.unsubscribe(), () => nodes.close(), stopWatching];
  }

  isLive(name: string): boolean {
    return this.#live.has(name);
  }

  /** Asks which instances were there before this process. */
  async discover(): Promise<void> {
    const { nats, log } = this.#options;
    try {
      for (const { metadata } of await discoverServices(nats)) {
        const { success, data } = InstanceMetadataSchema.safeParse(metadata ?? {});
        if (success) this.#arrive(data["narun.function"], data["narun.instance"], data["narun.node"]);
      }
    } catch (error) {
      // NATS is away: it is asked again after the break.
      log.debug({ error: messageOf(error) }, "the instances cannot be asked for");
    }
  }

  close(): void {
    for (const close of this.#closers) close();
  }

  #hear(message: Message): void {
    const announcement = parseJson(message.text(), AnnouncementSchema);
    if (announcement === undefined) return;
    const { function: name, instance, node, state } = announcement;
    if (state === "ready") this.#arrive(name, instance, node);
    else if (state !== "starting") this.#depart(name, instance);
  }

  #arrive(name: string, instance: string, node: string): void {
    if (this.#departed.get(instance) === true) return;
    const instances = this.#live.get(name) ?? new Map<string, string>();
    instances.set(instance, node);
    this.#live.set(name, instances);
    this.#options.onChange(name);
  }

  #depart(name: string, instance: string): void {
    this.#departed.set(instance, true);
    this.#remove(name, instance);
  }

  /** Its hosts may live on, and answer beside the responder. */
  #lose(node: string): void {
    for (const [name, instances] of [...this.#live])
      for (const [instance, home] of [...instances]) if (home === node) this.#remove(name, instance);
  }

  #remove(name: string, instance: string): void {
    const instances = this.#live.get(name);
    if (instances?.delete(instance) !== true) return;
    if (instances.size === 0) this.#live.delete(name);
    this.#options.onChange(name);
  }

  #forget(): void {
    const names = [...this.#live.keys()];
    this.#live.clear();
    for (const name of names) this.#options.onChange(name);
  }
}
