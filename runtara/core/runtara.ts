/**
 * The state of Runtara's instances, as typed operations. Doors translate their protocols into these; an error of an operation
 * is a NarunError of contracts/runtara-errors.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { NarunError } from "../../contracts/index.ts";
import { sha256Hex } from "../../machine/index.ts";
import type { Nats } from "../../nats/index.ts";
import { type Access, openAccess } from "./access.ts";
import * as checkpoints from "./checkpoints.ts";
import { type EventFilter, type Events, type InstanceEvent, openEvents, statusEvent } from "./events.ts";
import { checkId } from "./ids.ts";
import { type Images, openImages } from "./images.ts";
import { MAX_ENV_BYTES } from "./limits.ts";
import {
  type InstanceFilter,
  listInstances,
  type MetricsBucket,
  type MetricsQuery,
  tenantMetrics,
} from "./listing.ts";
import { type Instance, isFinal, type SignalType } from "./record.ts";
import { openRuns, type Runs } from "./runs.ts";
import * as signals from "./signals.ts";
import { type SleepCall, sleepUntilWoken } from "./sleeps.ts";
import { at, openStore, type Store } from "./store.ts";
import type { Caller } from "./transitions.ts";
import * as transitions from "./transitions.ts";

export interface RuntaraOptions {
  nats: Nats;
  /** An instance that narun can start and that sleeps longer holds no process. Default 20 s: SDKs wait 30 s for a reply. */
  sleepThresholdMs?: number;
}

export interface StartCall {
  /** Default: a new id. */
  instance?: string | undefined;
  tenant: string;
  image: string;
  input?: Uint8Array | undefined;
  env?: Record<string, string> | undefined;
  timeoutSeconds?: number | undefined;
}

const SLEEP_THRESHOLD_MS = 20_000;

/** How often a heartbeat is written down. */
const HEARTBEAT_MS = 10_000;

export class Runtara {
  readonly store: Store;
  readonly runs: Runs;
  readonly images: Images;
  readonly access: Access;
  readonly #events: Events;
  readonly #sleepThresholdMs: number;

  constructor(
    parts: { store: Store; runs: Runs; images: Images; access: Access; events: Events },
    thresholdMs: number,
  ) {
    this.store = parts.store;
    this.runs = parts.runs;
    this.images = parts.images;
    this.access = parts.access;
    this.#events = parts.events;
    this.#sleepThresholdMs = thresholdMs;
  }

  /** A program says that it is there. Errors: RUNTARA_OTHER_TENANT, RUNTARA_INSTANCE_FINISHED, RUNTARA_RUN_REPLACED. */
  async register(caller: Caller & { tenant: string }): Promise<void> {
    checkId(caller.instance, "instance_id");
    checkId(caller.tenant, "tenant_id");
    const now = await this.store.change(caller.instance, (known) =>
      transitions.register(known, caller, Date.now()),
    );
    // The run of a program that narun started is noted at its start.
    if (now.image === undefined) await this.#noteStatus(now);
  }

  checkpoint(caller: Caller, call: { id: string; state: Uint8Array }): Promise<checkpoints.Checkpointed> {
    return checkpoints.checkpoint(this.store, caller, call);
  }

  pollSignals(caller: Caller, checkpoint?: string): Promise<signals.Shown> {
    return signals.pollSignals(this.store, caller, checkpoint);
  }

  async acknowledge(caller: Caller, type: SignalType): Promise<void> {
    const now = await signals.acknowledgeSignal(this.store, caller, type);
    if (type !== "resume" && now.status !== "running") await this.#noteStatus(now);
  }

  /** Resolves at the end of the sleep. */
  sleep(caller: Caller, call: SleepCall, signal: AbortSignal): Promise<signals.Delivery> {
    const parts = { store: this.store, runs: this.runs, thresholdMs: this.#sleepThresholdMs };
    return sleepUntilWoken(parts, caller, call, signal);
  }

  /** The result of an instance. One that is final stays as it is. */
  async complete(caller: Caller, output: Uint8Array): Promise<void> {
    const instance = await this.store.read(caller.instance);
    transitions.checkCaller(instance, isFinal(instance) ? { ...caller, run: undefined } : caller);
    if (isFinal(instance)) return;
    const { id, run } = instance;
    await this.store.putPayload(at.output(id, run), output, { owner: id });
    await this.#end(
      { ...caller, run: caller.run ?? run },
      { status: "completed", reason: "completed", hasOutput: true },
    );
  }

  fail(caller: Caller, error: string): Promise<void> {
    return this.#end(caller, {
      status: "failed",
      reason: "application_error",
      error: error.slice(0, MAX_ERROR_CHARACTERS),
    });
  }

  async suspend(caller: Caller): Promise<void> {
    const now = await this.store.changeKnown(caller.instance, (known) =>
      transitions.suspend(known, caller, Date.now()),
    );
    await this.#noteStatus(now);
  }

  /** A program is still there. It is written down now and then. */
  async heartbeat(caller: Caller): Promise<void> {
    await this.store.changeKnown(caller.instance, (known) => {
      transitions.checkCaller(known, caller);
      const now = Date.now();
      const isOld = now - (known.heartbeatAtMs ?? 0) >= HEARTBEAT_MS;
      return isOld && !isFinal(known) ? { ...known, heartbeatAtMs: now } : undefined;
    });
  }

  async customEvent(
    caller: Caller,
    event: {
      type: string;
      subtype?: string | undefined;
      checkpoint?: string | undefined;
      payload: Uint8Array;
    },
  ): Promise<void> {
    transitions.checkRunning(await this.store.read(caller.instance), caller);
    await this.#events.append(caller.instance, event);
  }

  /** A durable function of the program failed, and is tried again. */
  async noteRetry(
    caller: Caller,
    told: { checkpoint: string; attempt: number; error: string | undefined },
  ): Promise<void> {
    await this.store.changeKnown(caller.instance, (known) => {
      transitions.checkRunning(known, caller);
      return { ...known, retries: known.retries + 1 };
    });
    const payload = Buffer.from(JSON.stringify({ attempt: told.attempt, error: told.error ?? null }));
    await this.#events.append(caller.instance, { type: "retry", checkpoint: told.checkpoint, payload });
  }

  /** Undefined: there is none, or it is another tenant's. */
  async find(caller: Caller): Promise<Instance | undefined> {
    const found = await this.store.find(caller.instance);
    const isOthers = caller.tenant !== undefined && caller.tenant !== found?.instance.tenant;
    return isOthers ? undefined : found?.instance;
  }

  async lastCheckpoint({ id }: Instance): Promise<string | undefined> {
    return (await checkpoints.lastWork(this.store, id)).id;
  }

  /** Its input, for its program. Errors: those of checkCaller. */
  async inputOf(caller: Caller): Promise<Uint8Array | undefined> {
    const instance = await this.store.read(caller.instance);
    transitions.checkCaller(instance, caller);
    return this.input(instance);
  }

  async input({ id, input }: Instance): Promise<Uint8Array | undefined> {
    return input === undefined ? undefined : this.#payload(at.input(id));
  }

  async output({ id, outputRun }: Instance): Promise<Uint8Array | undefined> {
    return outputRun === undefined ? undefined : this.#payload(at.output(id, outputRun));
  }

  /**
   * Starts an instance of an image; resolves with its id when it is certain to run. The same call again gives the same
   * instance. Errors: RUNTARA_IMAGE_NOT_FOUND, RUNTARA_INSTANCE_EXISTS, RUNTARA_OTHER_TENANT.
   */
  async start(call: StartCall): Promise<string> {
    const { tenant, instance: id = crypto.randomUUID(), input, env = {}, timeoutSeconds } = call;
    checkId(id, "instance_id");
    checkId(tenant, "tenant_id");
    const envBytes = Buffer.byteLength(JSON.stringify(env));
    if (envBytes > MAX_ENV_BYTES)
      throw new NarunError("RUNTARA_TOO_LARGE", {
        detail: `env has ${envBytes} bytes, and ${MAX_ENV_BYTES} are the most`,
      });
    const image = await this.images.find(call.image);
    if (image?.tenant !== tenant)
      throw new NarunError("RUNTARA_IMAGE_NOT_FOUND", { detail: `image ${call.image} not found` });
    const digest = input && sha256Hex(input);
    const order = {
      id,
      tenant,
      image: { id: image.id, name: image.name },
      input: digest,
      env,
      timeoutSeconds,
    };
    const found = await this.store.find(id);
    if (transitions.start(found?.instance, order, Date.now()) === undefined) return id;
    if (input !== undefined) await this.store.putPayload(at.input(id), input, { owner: id });
    // The order comes first: without its instance it is dropped, and an instance without an order would wait for ever.
    await this.runs.order({ instance: id, generation: 1 });
    await this.store.change(id, (known) => transitions.start(known, order, Date.now()));
    return id;
  }

  /** Errors: RUNTARA_NO_IMAGE, RUNTARA_INSTANCE_FINISHED, RUNTARA_NOT_RUNNING. */
  async resume(caller: Caller): Promise<void> {
    const instance = await this.store.read(caller.instance);
    transitions.checkCaller(instance, caller);
    const { id, generation } = transitions.resume(instance);
    await this.runs.order({ instance: id, generation });
    const now = await this.store.changeKnown(id, (known) => {
      // A second resume at the same time has the same order.
      return known.generation === generation ? undefined : transitions.resume(known);
    });
    if (now.generation !== generation) await this.runs.order({ instance: id, generation: now.generation });
  }

  async stop(caller: Caller, order: { graceMs: number; reason: string }): Promise<void> {
    const now = await this.store.changeKnown(caller.instance, (known) => {
      transitions.checkCaller(known, caller);
      return transitions.stop(known, order, Date.now());
    });
    this.runs.announce(now.id);
    if (isFinal(now)) await this.#noteStatus(now);
  }

  async signal(
    caller: Caller,
    sent: { type: "cancel" | "pause"; payload: Uint8Array | undefined },
  ): Promise<void> {
    const now = await signals.sendSignal(this.store, caller, sent);
    if (now.status !== "running") await this.#noteStatus(now);
  }

  customSignal(caller: Caller, sent: { checkpoint: string; payload: Uint8Array }): Promise<void> {
    return signals.sendCustomSignal(this.store, caller, sent);
  }

  listCheckpoints(
    caller: Caller,
    filter?: checkpoints.CheckpointFilter,
  ): Promise<checkpoints.CheckpointFacts[]> {
    return checkpoints.listCheckpoints(this.store, caller, filter);
  }

  readCheckpoint(caller: Caller, id: string) {
    return checkpoints.readCheckpoint(this.store, caller, id);
  }

  async listEvents(caller: Caller, filter?: EventFilter): Promise<InstanceEvent[]> {
    transitions.checkCaller(await this.store.read(caller.instance), caller);
    return this.#events.list(caller.instance, filter);
  }

  list(filter: InstanceFilter = {}): Promise<Instance[]> {
    return listInstances(this.store, filter);
  }

  metrics(query: MetricsQuery): Promise<MetricsBucket[]> {
    return tenantMetrics(this.store, query);
  }

  /** Notes the end of a run (see Runs.ended). */
  async noteRun(instance: Instance): Promise<void> {
    await this.#noteStatus(instance);
  }

  /** Removes instances that finished before a time; resolves with their number. */
  async removeFinishedBefore(timeMs: number, signal?: AbortSignal): Promise<number> {
    let removed = 0;
    for await (const read of this.store.instances()) {
      if (signal?.aborted) break;
      const { instance } = read;
      if (!isFinal(instance) || (instance.finishedAtMs ?? 0) >= timeMs) continue;
      await this.#events.remove(instance.id);
      await this.store.remove(read);
      removed += 1;
      // The removal leaves room for calls.
      await sleep(0);
    }
    return removed;
  }

  async #end(caller: Caller, told: transitions.Finish): Promise<void> {
    let isChanged = false;
    const now = await this.store.changeKnown(caller.instance, (known) => {
      const next = transitions.end(known, caller, told, Date.now());
      isChanged = next !== undefined;
      return next;
    });
    if (isChanged) await this.#noteStatus(now);
  }

  async #payload(subject: string): Promise<Uint8Array | undefined> {
    const record = await this.store.records.get(subject);
    return record && this.store.readPayload(record);
  }

  /** The events tell the story for people: a lost one changes nothing. */
  async #noteStatus(instance: Instance): Promise<void> {
    await this.#events.append(instance.id, statusEvent(instance)).catch(() => undefined);
  }
}

/** Upper bound of the text of an error in a record. */
const MAX_ERROR_CHARACTERS = 64 * 1024;

/** Opens the state of Runtara's instances, making its streams at the first use. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openRuntara({
  nats,
  sleepThresholdMs = SLEEP_THRESHOLD_MS,
}: RuntaraOptions): Promise<Runtara> {
  const store = await openStore(nats);
  const [runs, events, access] = await Promise.all([
    openRuns(nats, store),
    openEvents(nats),
    openAccess(store),
  ]);
  return new Runtara({ store, runs, events, access, images: openImages(nats, store) }, sleepThresholdMs);
}
