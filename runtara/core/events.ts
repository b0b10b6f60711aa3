/** The events of an instance: those of its program, and the changes of its status. */

import { z } from "zod";
import { parseJson, stores, subjects } from "../../contracts/index.ts";
import { type Nats, openRecords, type Records } from "../../nats/index.ts";
import { tokenOf } from "./ids.ts";
import type { Instance } from "./record.ts";

/** How many events of an instance are kept; the oldest go first. */
const KEPT_EVENTS = 10_000;

const StoredSchema = z.object({
  type: z.string(),
  subtype: z.string().optional(),
  checkpoint: z.string().optional(),
});

export interface InstanceEvent {
  id: number;
  type: string;
  subtype: string | undefined;
  checkpoint: string | undefined;
  payload: Uint8Array;
  createdAtMs: number;
}

export interface EventFilter {
  type?: string | undefined;
  subtype?: string | undefined;
  afterMs?: number | undefined;
  beforeMs?: number | undefined;
  /** Its payload contains this text. */
  contains?: string | undefined;
  order?: "asc" | "desc" | undefined;
}

const FACTS = "Narun-Runtara-Event";

export interface Events {
  append(
    instance: string,
    event: {
      type: string;
      subtype?: string | undefined;
      checkpoint?: string | undefined;
      payload: Uint8Array;
    },
  ): Promise<void>;
  list(instance: string, filter?: EventFilter): Promise<InstanceEvent[]>;
  remove(instance: string): Promise<void>;
}

export async function openEvents(nats: Nats): Promise<Events> {
  const records = await openRecords(nats, {
    stream: stores.runtara.events,
    prefix: subjects.runtaraEvents,
    kept: KEPT_EVENTS,
  });
  const subject = (instance: string) => `${subjects.runtaraEvents}.${tokenOf(instance)}`;
  return {
    async append(instance, { payload, ...facts }) {
      await records.put(subject(instance), payload, { fields: { [FACTS]: inAscii(facts) } });
    },
    list: (instance, filter) => listEvents(records, subject(instance), filter),
    remove: (instance) => records.purge(subject(instance)),
  };
}

async function listEvents(
  records: Records,
  subject: string,
  filter: EventFilter = {},
): Promise<InstanceEvent[]> {
  const {
    type,
    subtype,
    afterMs = 0,
    beforeMs = Number.POSITIVE_INFINITY,
    contains,
    order = "desc",
  } = filter;
  const found: InstanceEvent[] = [];
  for await (const record of records.list(subject)) {
    const facts = parseJson(Buffer.from(record.field(FACTS) ?? "", "base64").toString(), StoredSchema);
    const createdAtMs = record.createdAt.getTime();
    if (facts === undefined || createdAtMs <= afterMs || createdAtMs >= beforeMs) continue;
    if (type !== undefined && facts.type !== type) continue;
    if (subtype !== undefined && facts.subtype !== subtype) continue;
    if (contains !== undefined && !Buffer.from(record.data).includes(contains)) continue;
    const { checkpoint } = facts;
    found.push({
      id: record.sequence,
      type: facts.type,
      subtype: facts.subtype,
      checkpoint,
      payload: record.data,
      createdAtMs,
    });
  }
  return order === "desc" ? found.reverse() : found;
}

/** A header of NATS takes no other characters for sure. */
function inAscii(facts: object): string {
  return Buffer.from(JSON.stringify(facts)).toString("base64");
}

/** The event of a new status. */
export function statusEvent({ status, reason, run }: Instance): { type: string; payload: Uint8Array } {
  return {
    type: status,
    payload: Buffer.from(JSON.stringify({ run, ...(reason === undefined ? {} : { reason }) })),
  };
}
