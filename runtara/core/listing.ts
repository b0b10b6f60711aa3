/** Lists of instances, and what they say about a tenant. */
import type { Instance, Status } from "./record.ts";
import type { Store } from "./store.ts";

export const INSTANCE_ORDERS = [
  "created_at_desc",
  "created_at_asc",
  "finished_at_desc",
  "finished_at_asc",
] as const;

export interface InstanceFilter {
  tenant?: string | undefined;
  status?: Status | undefined;
  image?: string | undefined;
  imageNamePrefix?: string | undefined;
  createdAfterMs?: number | undefined;
  createdBeforeMs?: number | undefined;
  finishedAfterMs?: number | undefined;
  finishedBeforeMs?: number | undefined;
  /** Default: the newest first. */
  order?: (typeof INSTANCE_ORDERS)[number] | undefined;
}

export async function listInstances(store: Store, filter: InstanceFilter): Promise<Instance[]> {
  const found: Instance[] = [];
  for await (const { instance } of store.instances()) if (fits(instance, filter)) found.push(instance);
  const { order = "created_at_desc" } = filter;
  const timeOf = order.startsWith("created")
    ? ({ createdAtMs }: Instance) => createdAtMs
    : ({ finishedAtMs = 0 }: Instance) => finishedAtMs;
  found.sort((a, b) => timeOf(a) - timeOf(b) || a.id.localeCompare(b.id));
  return order.endsWith("desc") ? found.reverse() : found;
}

function fits(instance: Instance, filter: InstanceFilter): boolean {
  const { tenant, status, image, imageNamePrefix, createdAfterMs, createdBeforeMs } = filter;
  return (
    (tenant === undefined || instance.tenant === tenant) &&
    (status === undefined || instance.status === status) &&
    (image === undefined || instance.image?.id === image) &&
    (imageNamePrefix === undefined || instance.image?.name.startsWith(imageNamePrefix) === true) &&
    isBetween(instance.createdAtMs, createdAfterMs, createdBeforeMs) &&
    isBetween(instance.finishedAtMs, filter.finishedAfterMs, filter.finishedBeforeMs)
  );
}

/** A time that is not there is between no bounds. */
function isBetween(time: number | undefined, after: number | undefined, before: number | undefined): boolean {
  if (after === undefined && before === undefined) return true;
  return (
    time !== undefined && (after === undefined || time > after) && (before === undefined || time < before)
  );
}

/** What the instances that began in a span of time have become. */
export interface MetricsBucket {
  atMs: number;
  all: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** How long the finished ones took, from their start to their end. */
  durationsMs: number[];
}

export interface MetricsQuery {
  tenant: string;
  fromMs: number;
  toMs: number;
  bucketMs: number;
}

/** The spans of time of a tenant that had instances, the earliest first. */
export async function tenantMetrics(store: Store, query: MetricsQuery): Promise<MetricsBucket[]> {
  const buckets = new Map<number, MetricsBucket>();
  for await (const { instance } of store.instances()) {
    const { createdAtMs, startedAtMs, finishedAtMs, status, tenant } = instance;
    if (tenant !== query.tenant || createdAtMs < query.fromMs || createdAtMs > query.toMs) continue;
    const atMs = createdAtMs - (createdAtMs % query.bucketMs);
    const bucket = buckets.get(atMs) ?? {
      atMs,
      all: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
      durationsMs: [],
    };
    buckets.set(atMs, bucket);
    bucket.all += 1;
    if (status === "completed" || status === "failed" || status === "cancelled") bucket[status] += 1;
    if (startedAtMs !== undefined && finishedAtMs !== undefined)
      bucket.durationsMs.push(finishedAtMs - startedAtMs);
  }
  return [...buckets.values()].sort((a, b) => a.atMs - b.atMs);
}
