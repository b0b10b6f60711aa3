/**
 * The instances that this gateway knows: from their announcements, from `$SRV.PING`, from nodes' answers to demands.
 *
 * I1  An instance that was announced draining or gone is never ready again, whatever a late answer says: ids are not reused.
 * I2  One that NATS had no subscriber for is set aside, and ready again when it announces so; at another sign of life not
 *     before `SET_ASIDE_MS`, as its node may answer for it while its own connection is still on the way back.
 * I3  One whose node-runner is dead is set aside, and lost when its host is gone, too (orphans.ts); when the node comes
 *     back, `$SRV.PING` finds what still runs there.
 * I4  `onLost` is called once for an instance that was known, when it is gone.
 */
import {
  type Announcement,
  AnnouncementSchema,
  BoundedMap,
  type GoneReason,
  InstanceMetadataSchema,
  messageOf,
  parseJson,
  type ReadyAnnouncement,
  subjects,
} from "../contracts/index.ts";
import { type DiscoveredService, discoverServices, type Message, type Nats } from "../nats/index.ts";
import type { Log } from "./log.ts";
import { createOrphans } from "./orphans.ts";

export interface Instance {
  readonly id: string;
  readonly service: string;
  readonly node: string;
  readonly revision: string;
  /** Requests that it handles at a time. */
  readonly concurrency: number;
  state: "ready" | "unreachable" | "draining";
  /** The node has another runner now, which does not know it. */
  isOrphan: boolean;
  /** When it was found unreachable, by `performance.now()`. */
  setAsideAtMs: number;
  /** Requests that this gateway has under way there; the dispatcher counts. */
  inFlight: number;
}

type InstanceFacts = Pick<Instance, "id" | "service" | "node" | "revision" | "concurrency">;

interface Departure {
  reason: GoneReason;
  /** A code of the error catalogue, where the instance failed. */
  code: string | undefined;
}

/** What a start can come to. */
type StartResult = "ready" | Departure;

export interface Instances {
  /** The instances of a service that are ready, in no order. The array is never changed, only replaced. */
  ready(service: string): readonly Instance[];
  add(facts: InstanceFacts): void;
  /** NATS has no subscriber for it: it is set aside. */
  markUnreachable(instance: Instance): void;
  /** It said that it drains. */
  markDraining(instance: Instance): void;
  /** A node's runner is dead: nothing new goes to its instances, and what is under way may still be answered. */
  leave(node: string, why: "silent" | "replaced"): void;
  /** How an instance's start ended. Undefined: `signal` was aborted before. */
  settled(id: string, service: string, signal: AbortSignal): Promise<StartResult | undefined>;
  /** Asks by `$SRV.PING` who is there: everybody, or those of one service. Returns whether others than ours answered. */
  discover(service?: string): Promise<{ foreign: boolean }>;
  close(): void;
}

export interface InstancesOptions {
  nats: Nats;
  log: Log;
  /** An instance can take requests. `announcement`: it said so itself, just now. */
  onReady(instance: Instance, announcement: ReadyAnnouncement | undefined): void;
  /** Nothing is heard of its node. */
  onSilent(instance: Instance): void;
  onLost(instance: Instance): void;
  /** An instance runs on this node. */
  onNode(node: string): void;
}

/** How many departed ids are remembered (I1). Late answers come within seconds; this is hours of churn. */
const MAX_DEPARTED = 10_000;
const NONE: readonly Instance[] = [];
const SET_ASIDE_MS = 100;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createInstances(options: InstancesOptions): Instances {
  const { nats, log, onReady, onLost, onNode } = options;
  const byId = new Map<string, Instance>();
  const readyByService = new Map<string, readonly Instance[]>();
  const departed = new BoundedMap<string, Departure>(MAX_DEPARTED);
  const waiting = new Map<string, Set<(result: StartResult) => void>>();

  const setState = (instance: Instance, state: Instance["state"]) => {
    instance.state = state;
    const others = (readyByService.get(instance.service) ?? NONE).filter((other) => other !== instance);
    const ready = state === "ready" ? [...others, instance] : others;
    if (ready.length === 0) readyByService.delete(instance.service);
    else readyByService.set(instance.service, ready);
  };

  const setAside = (instance: Instance) => {
    if (instance.state !== "ready") return;
    instance.setAsideAtMs = performance.now();
    setState(instance, "unreachable");
  };

  const resolveStart = (id: string, result: StartResult) => {
    for (const resolve of waiting.get(id) ?? []) resolve(result);
  };

  /** `isVouched`: by the instance itself, or its runner, just now. `$SRV.PING` is answered by instances that drain, too. */
  const welcome = (facts: InstanceFacts, isVouched: boolean, announcement?: ReadyAnnouncement) => {
    if (departed.has(facts.id)) return;
    let instance = byId.get(facts.id);
    if (instance?.state === "draining" || instance?.state === "ready") return;
    if (instance?.isOrphan === true && !isVouched) return;
    if (instance === undefined) {
      instance = createInstance(facts);
      byId.set(facts.id, instance);
    } else if (announcement === undefined) {
      const waitMs = instance.setAsideAtMs + SET_ASIDE_MS - performance.now();
      if (waitMs > 0) {
        setTimeout(welcome, waitMs, facts, isVouched);
        return;
      }
    }
    instance.isOrphan = false;
    setState(instance, "ready");
    orphans.remove(instance.id);
    onNode(instance.node);
    resolveStart(instance.id, "ready");
    onReady(instance, announcement);
  };

  const lose = (instance: Instance) => {
    byId.delete(instance.id);
    orphans.remove(instance.id);
    setState(instance, "draining");
    onLost(instance);
  };

  const orphans = createOrphans(nats, (id) => {
    const instance = byId.get(id);
    if (instance !== undefined) lose(instance);
  });

  const depart = (id: string, departure: Departure) => {
    departed.set(id, departure);
    const instance = byId.get(id);
    if (instance !== undefined) lose(instance);
    resolveStart(id, departure);
  };

  const hear = (announcement: Announcement) => {
    const { function: service, instance: id, node, revision } = announcement;
    const known = byId.get(id);
    switch (announcement.state) {
      case "starting":
        return;
      case "ready":
        return welcome(
          { id, service, node, revision, concurrency: announcement.concurrency },
          true,
          announcement,
        );
      case "draining":
        // One that is not known yet must not be found as ready by a PING that crossed this word.
        if (known !== undefined) setState(known, "draining");
        else
          byId.set(id, {
            ...createInstance({ id, service, node, revision, concurrency: 1 }),
            state: "draining",
          });
        return;
      case "gone":
        return depart(id, { reason: announcement.reason, code: announcement.code });
    }
  };

  const subscription = nats.subscribe(subjects.announcementsAll, (message: Message) => {
    const announcement = parseJson(message.text(), AnnouncementSchema);
    if (announcement !== undefined) hear(announcement);
    else log.warn({ subject: message.subject }, "an announcement of an instance cannot be read");
  });

  return {
    ready: (service) => readyByService.get(service) ?? NONE,
    add: (facts) => welcome(facts, true),
    markUnreachable: setAside,
    markDraining: (instance) => setState(instance, "draining"),
    leave(node, why) {
      for (const instance of [...byId.values()]) {
        if (instance.node !== node) continue;
        setAside(instance);
        instance.isOrphan = why === "replaced";
        orphans.add(instance.id);
        if (why === "silent") options.onSilent(instance);
      }
    },
    settled(id, service, signal) {
      const departure = departed.get(id);
      if (departure !== undefined) return Promise.resolve(departure);
      if ((readyByService.get(service) ?? NONE).some((instance) => instance.id === id)) {
        return Promise.resolve("ready");
      }
      return waitFor(waiting, id, signal);
    },
    async discover(service) {
      let foreign = false;
      try {
        const found = await discoverServices(nats, service === undefined ? {} : pingOptions(service));
        for (const one of found) {
          const facts = instanceOf(one);
          if (facts !== undefined) welcome(facts, false);
          else if (one.name === service) foreign = true;
        }
      } catch (error) {
        // NATS is away: whoever asked asks again after the reconnect.
        log.debug({ service, error: messageOf(error) }, "the services cannot be asked");
      }
      return { foreign };
    },
    close() {
      orphans.close();
      subscription.unsubscribe();
    },
  };
}

/** Those of one service are few and near: what is held for them waits no longer than it must. */
function pingOptions(name: string) {
  return { name, maxWaitMs: 250, quietMs: 5 };
}

function createInstance(facts: InstanceFacts): Instance {
  return { ...facts, state: "ready", isOrphan: false, inFlight: 0, setAsideAtMs: 0 };
}

function instanceOf(service: DiscoveredService): InstanceFacts | undefined {
  const parsed = InstanceMetadataSchema.safeParse(service.metadata ?? {});
  if (!parsed.success) return undefined;
  return {
    id: parsed.data["narun.instance"],
    service: parsed.data["narun.function"],
    node: parsed.data["narun.node"],
    revision: parsed.data["narun.revision"],
    concurrency: parsed.data["narun.concurrency"],
  };
}

function waitFor(
  waiting: Map<string, Set<(result: StartResult) => void>>,
  id: string,
  signal: AbortSignal,
): Promise<StartResult | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const waiters = waiting.get(id) ?? new Set();
    const finish = (result: StartResult | undefined) => {
      signal.removeEventListener("abort", giveUp);
      waiters.delete(finish);
      if (waiters.size === 0) waiting.delete(id);
      resolve(result);
    };
    const giveUp = () => finish(undefined);
    waiters.add(finish);
    waiting.set(id, waiters);
    signal.addEventListener("abort", giveUp, { once: true });
  });
}
