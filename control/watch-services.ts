/** The registry's events: services that appear, change and leave, out of the specs' own changes and the instances' announcements. */
import { isDeepStrictEqual } from "node:util";
import { AnnouncementSchema, type FunctionSpec, parseJson, type Spec, subjects } from "../contracts/index.ts";
import { type KvChange, type Nats, openSpecs } from "../nats/index.ts";
import { liveSpec } from "./registry.ts";

export type ServiceEvent =
  /** It is deployed, and was not before. */
  | { event: "appeared" | "left"; service: string; at: string }
  /** `changes`: `interface`, `revision`, `paused`, `resumed`. */
  | { event: "changed"; service: string; at: string; changes: string[] }
  /** An instance of it. */
  | { event: "instance"; service: string; at: string; instance: string; node: string; state: string };

/** The services with their last specs, and what each change of a spec says about them. */
export class KnownServices {
  readonly #specs = new Map<string, FunctionSpec>();
  readonly #revisions = new Map<string, number>();

  /** Whether it is a function that is a service. */
  has(name: string): boolean {
    return this.#specs.get(name)?.interface !== undefined;
  }

  /** Takes a change. `revision`: of the spec that the event is about, the last one where it left. */
  take(change: KvChange<Spec>): { event: ServiceEvent; revision: number } | undefined {
    const service = change.kind === "put" ? change.read.key : change.key;
    // The last valid spec stays in force.
    if (change.kind === "put" && !change.read.ok) return undefined;
    if (change.kind === "put") this.#revisions.set(service, change.read.revision);
    const revision = this.#revisions.get(service) ?? 0;
    const before = this.#specs.get(service);
    const after = change.kind === "put" ? liveSpec(change.read) : undefined;
    if (after === undefined) this.#specs.delete(service);
    else this.#specs.set(service, after);
    if (after === undefined) this.#revisions.delete(service);
    const event = compare(service, before, after);
    return event && { event, revision };
  }
}

/** Calls back with every event from now on, until the signal aborts. Resolves then. */
export async function watchServices(
  nats: Nats,
  onEvent: (event: ServiceEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const known = new KnownServices();
  let isFirst = true;
  const tell = (event: ServiceEvent) => {
    if (!isFirst && !signal.aborted) onEvent(event);
  };
  const announcements = nats.subscribe(subjects.announcementsAll, (message) => {
    const heard = parseJson(message.text(), AnnouncementSchema);
    if (heard === undefined || !known.has(heard.function)) return;
    const { function: service, instance, node, state, at } = heard;
    tell({ event: "instance", service, at: new Date(at).toISOString(), instance, node, state });
  });
  const specs = await openSpecs(nats);
  await specs.watch((change) => {
    const found = known.take(change);
    if (found !== undefined) tell(found.event);
  }, signal);
  isFirst = false;
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  announcements.unsubscribe();
}

function compare(
  service: string,
  before: FunctionSpec | undefined,
  after: FunctionSpec | undefined,
): ServiceEvent | undefined {
  const at = new Date().toISOString();
  const had = before?.interface !== undefined;
  if (before === undefined || after === undefined || !had || after.interface === undefined) {
    if (after?.interface !== undefined) return { event: "appeared", service, at };
    return had ? { event: "left", service, at } : undefined;
  }
  const changes: string[] = [];
  if (!isDeepStrictEqual(before.interface, after.interface)) changes.push("interface");
  if (before.revision !== after.revision) changes.push("revision");
  if (before.paused === undefined && after.paused !== undefined) changes.push("paused");
  if (before.paused !== undefined && after.paused === undefined) changes.push("resumed");
  return changes.length === 0 ? undefined : { event: "changed", service, at, changes };
}
