/**
 * The instances of this process, for calls between them (local/near-link.ts).
 *
 * I1  An instance is among them from the moment at which it takes requests to the moment at which it takes no more.
 */
import type { InstanceFacts, NearInstances } from "../../dispatch/index.ts";
import { NearLink, type TakeRequest } from "../../local/index.ts";
import type { Nats } from "../../nats/index.ts";

/** The facts of an instance. */
export type NearFacts = Pick<InstanceFacts, "id" | "service" | "node" | "revision" | "concurrency">;

/** An instance, as calls from this process reach it. */
export interface NearDoor {
  take: TakeRequest;
  /** Whether it has room for a request with this id. */
  hasRoom(requestId: string | undefined): boolean;
}

export interface NearListener {
  arrive(facts: InstanceFacts): void;
  leave(facts: InstanceFacts): void;
}

interface Known {
  facts: InstanceFacts;
  door: NearDoor;
}

export class NearDoors implements NearInstances {
  /** Hears of instances. Undefined while no function here calls another. */
  listener: NearListener | undefined;
  readonly #link: NearLink;
  readonly #known = new Map<string, Known>();

  constructor(nats: Pick<Nats, "replyPrefix">, peer: string) {
    this.#link = new NearLink({ prefix: nats.replyPrefix, peer });
  }

  /** The instance takes requests from now on; the returned function ends that. */
  enter(facts: NearFacts, door: NearDoor): () => void {
    const { number, leave } = this.#link.register(door.take);
    const near: InstanceFacts = { ...facts, near: { address: undefined, number, link: this.#link } };
    this.#known.set(facts.id, { facts: near, door });
    this.listener?.arrive(near);
    return () => {
      if (!this.#known.delete(facts.id)) return;
      leave();
      this.listener?.leave(near);
    };
  }

  of(service: string): InstanceFacts[] {
    return [...this.#known.values()].flatMap(({ facts }) => (facts.service === service ? [facts] : []));
  }

  hasRoom(instance: string, requestId: string | undefined): boolean | undefined {
    return this.#known.get(instance)?.door.hasRoom(requestId);
  }
}
