/** The registry's events: services that appear, change and leave, out of the specs' own changes and the instances' announcements. */
import { isDeepStrictEqual } from "node:util";
import { AnnouncementSchema, type FunctionSpec, parseJson, subjects } from "../contracts/index.ts";
import { type Nats, openSpecs } from "../nats/index.ts";
import { liveSpec } from "./registry.ts";

export type ServiceEvent =
  /** It is deployed, and was not before. */
  | { event: "appeared" | "left"; service: string; at: string }
  /** `changes`: `interface`, `revision`, `paused`, `resumed`. */
  | { event: "changed"; service: string; at: string; changes: string[] }
  /** An instance of it. */
  | { event: "instance"; service: string; at: string; instance: string; node: string; state: string };

/**
 * Calls back with every event from now on, until the signal aborts. Resolves then. `revision`: of the spec that it is about, the last
 * one where it left.
 */
export async function watchServices(
  nats: Nats,
  onEvent: (event: ServiceEvent, revision: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, FunctionSpec>();
  const revisions = new Map<string, number>();
  let isFirst = true;
  const tell = (event: ServiceEvent) => {
    if (!isFirst && !signal.aborted) onEvent(event, revisions.get(event.service) ?? 0);
  };
  const announcements = nats.subscribe(subjects.announcementsAll, (message) => {
    const heard = parseJson(message.text(), AnnouncementSchema);
    if (heard === undefined || known.get(heard.function)?.interface === undefined) return;
    const { function: service, instance, node, state, at } = heard;
    tell({ event: "instance", service, at: new Date(at).toISOString(), instance, node, state });
  });
  const specs = await openSpecs(nats);
  await specs.watch((change) => {
    const service = change.kind === "put" ? change.read.key : change.key;
    // The last valid spec stays in force.
    if (change.kind === "put" && !change.read.ok) return;
    if (change.kind === "put") revisions.set(service, change.read.revision);
    const before = known.get(service);
    const after = change.kind === "put" ? liveSpec(change.read) : undefined;
    if (after === undefined) known.delete(service);
    else known.set(service, after);
    const event = compare(service, before, after);
    if (event !== undefined) tell(event);
    if (after === undefined) revisions.delete(service);
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
