/** The calls of management: instances from outside. */
import { z } from "zod";
import { NarunError } from "../../contracts/index.ts";
import { INSTANCE_ORDERS } from "../core/listing.ts";
import { type Instance, STATUSES } from "../core/record.ts";
import { readJsonBody, toBase64 } from "./body.ts";
import { type Answer, type Call, decodePart, namedTenant, operatorOf, tenantOf } from "./call.ts";
import { page, readQuery, TextSchema, TimeSchema } from "./query.ts";

const DONE: Answer = { body: { success: true } };

export async function health({ version, startedAtMs }: Call): Promise<Answer> {
  return { body: { healthy: true, version, uptime_ms: Date.now() - startedAtMs } };
}

const ListSchema = z.object({
  tenant_id: TextSchema,
  status: z.enum([...STATUSES, "unknown"]).optional(),
  image_id: TextSchema,
  image_name_prefix: TextSchema,
  created_after_ms: TimeSchema,
  created_before_ms: TimeSchema,
  finished_after_ms: TimeSchema,
  finished_before_ms: TimeSchema,
  order_by: z.enum(INSTANCE_ORDERS).optional(),
});

export async function list(call: Call): Promise<Answer> {
  const query = readQuery(call.query, ListSchema);
  const tenant = namedTenant(call, query.tenant_id);
  const isNone = query.status === "unknown";
  const all = isNone
    ? []
    : await call.runtara.list({
        tenant,
        status: query.status === "unknown" ? undefined : query.status,
        image: query.image_id,
        imageNamePrefix: query.image_name_prefix,
        createdAfterMs: query.created_after_ms,
        createdBeforeMs: query.created_before_ms,
        finishedAfterMs: query.finished_after_ms,
        finishedBeforeMs: query.finished_before_ms,
        order: query.order_by,
      });
  const { items, total_count } = page(call.query, all);
  return { body: { instances: items.map(summaryOf), total_count } };
}

function summaryOf(instance: Instance) {
  return {
    instance_id: instance.id,
    tenant_id: instance.tenant,
    image_id: instance.image?.id ?? null,
    status: instance.status,
    created_at_ms: instance.createdAtMs,
    started_at_ms: instance.startedAtMs ?? null,
    finished_at_ms: instance.finishedAtMs ?? null,
    has_error: instance.status === "failed",
  };
}

const StartSchema = z.object({
  image_id: z.string(),
  tenant_id: z.string(),
  instance_id: z.string().nullish(),
  input: z.unknown().optional(),
  timeout_seconds: z.number().positive().nullish(),
  env: z.record(z.string().regex(/^[^=\0]+$/), z.string().regex(/^[^\0]*$/)).nullish(),
});

export async function start(call: Call): Promise<Answer> {
  const order = await readJsonBody(call.request, StartSchema, { isExact: true });
  const { input } = order;
  try {
    const instance_id = await call.runtara.start({
      instance: order.instance_id ?? undefined,
      tenant: namedTenant(call, order.tenant_id),
      image: order.image_id,
      input: input === undefined || input === null ? undefined : Buffer.from(JSON.stringify(input)),
      env: order.env ?? {},
      timeoutSeconds: order.timeout_seconds ?? undefined,
    });
    return { status: 201, body: { success: true, instance_id, error: null } };
  } catch (error) {
    return refused(error, { instance_id: order.instance_id ?? "" });
  }
}

/** Clients read the reason of a refused start or registration out of an answer with status 400. */
export function refused(error: unknown, fields: Record<string, unknown>): Answer {
  if (
    !(error instanceof NarunError) ||
    error.code === "RUNTARA_CONTENDED" ||
    !error.code.startsWith("RUNTARA_")
  )
    throw error;
  return { status: 400, body: { success: false, ...fields, error: error.message, code: error.code } };
}

export async function status(call: Call): Promise<Answer> {
  const caller = operatorOf(call);
  const instance = await call.runtara.find(caller);
  if (instance === undefined) return { body: { found: false, instance_id: caller.instance } };
  return { body: await detailsOf(call, instance) };
}

async function detailsOf({ runtara }: Call, instance: Instance) {
  const [checkpoint, input, output] = await Promise.all([
    runtara.lastCheckpoint(instance),
    runtara.input(instance),
    runtara.output(instance),
  ]);
  return {
    found: true,
    ...summaryOf(instance),
    image_name: instance.image?.name ?? null,
    checkpoint_id: checkpoint ?? null,
    heartbeat_at_ms: instance.heartbeatAtMs ?? null,
    wake_at_ms: instance.wakeAtMs ?? null,
    input: input === undefined ? null : toBase64(input),
    output: output === undefined ? null : toBase64(output),
    error: instance.error ?? null,
    stderr: instance.stderr ?? null,
    retry_count: instance.retries,
    max_retries: 0,
    termination_reason: instance.reason ?? null,
    exit_code: instance.exitCode ?? null,
  };
}

const StopSchema = z.object({
  reason: z.string().nullish(),
  grace_period_seconds: z.number().min(0).max(86_400).nullish(),
});
const GRACE_SECONDS = 5;

export async function stop(call: Call): Promise<Answer> {
  const { reason, grace_period_seconds: grace } = await readJsonBody(call.request, StopSchema);
  const graceMs = (grace ?? GRACE_SECONDS) * 1_000;
  await call.runtara.stop(operatorOf(call), { graceMs, reason: reason || "it was stopped" });
  return DONE;
}

export async function resume(call: Call): Promise<Answer> {
  await call.runtara.resume(operatorOf(call));
  return DONE;
}

const SignalSchema = z.object({
  signal_type: z.enum(["cancel", "pause", "resume"]),
  payload: z.string().nullish(),
});

export async function signal(call: Call): Promise<Answer> {
  const { signal_type: type, payload } = await readJsonBody(call.request, SignalSchema);
  if (type === "resume") return resume(call);
  await call.runtara.signal(operatorOf(call), {
    type,
    payload: payload == null ? undefined : Buffer.from(payload),
  });
  return DONE;
}

const CustomSignalSchema = z.object({ checkpoint_id: z.string(), payload: z.string().nullish() });

export async function customSignal(call: Call): Promise<Answer> {
  const { checkpoint_id: checkpoint, payload } = await readJsonBody(call.request, CustomSignalSchema);
  await call.runtara.customSignal(operatorOf(call), { checkpoint, payload: Buffer.from(payload ?? "") });
  return DONE;
}

const CheckpointsSchema = z.object({
  checkpoint_id: TextSchema,
  created_after_ms: TimeSchema,
  created_before_ms: TimeSchema,
});

export async function listCheckpoints(call: Call): Promise<Answer> {
  const query = readQuery(call.query, CheckpointsSchema);
  const caller = operatorOf(call);
  const found = await call.runtara.listCheckpoints(caller, {
    id: query.checkpoint_id,
    afterMs: query.created_after_ms,
    beforeMs: query.created_before_ms,
  });
  const { items, ...counts } = page(call.query, found);
  const checkpoints = items.map(({ id, createdAtMs, sizeBytes }) => ({
    checkpoint_id: id,
    instance_id: caller.instance,
    created_at_ms: createdAtMs,
    data_size_bytes: sizeBytes,
  }));
  return { body: { checkpoints, ...counts } };
}

export async function readCheckpoint(call: Call): Promise<Answer> {
  const caller = operatorOf(call);
  const id = decodePart(call.path[1] ?? "");
  const found = await call.runtara.readCheckpoint(caller, id);
  const named = { checkpoint_id: id, instance_id: caller.instance };
  if (found === undefined) return { body: { found: false, ...named, created_at_ms: 0 } };
  return { body: { found: true, ...named, created_at_ms: found.createdAtMs, data: toBase64(found.state) } };
}

const EventsSchema = z.object({
  event_type: TextSchema,
  subtype: TextSchema,
  created_after_ms: TimeSchema,
  created_before_ms: TimeSchema,
  payload_contains: TextSchema,
  sort_order: z.enum(["asc", "desc"]).optional(),
});

export async function listEvents(call: Call): Promise<Answer> {
  const query = readQuery(call.query, EventsSchema);
  const caller = operatorOf(call);
  const found = await call.runtara.listEvents(caller, {
    type: query.event_type,
    subtype: query.subtype,
    afterMs: query.created_after_ms,
    beforeMs: query.created_before_ms,
    contains: query.payload_contains,
    order: query.sort_order,
  });
  const { items, ...counts } = page(call.query, found);
  const events = items.map(({ id, type, subtype, checkpoint, payload, createdAtMs }) => ({
    id,
    instance_id: caller.instance,
    event_type: type,
    checkpoint_id: checkpoint ?? null,
    payload: payload.byteLength === 0 ? null : toBase64(payload),
    created_at_ms: createdAtMs,
    subtype: subtype ?? null,
  }));
  return { body: { events, ...counts } };
}

/** Steps and scopes are upstream's own reading of its workflow engine's events: programs have none. */
export async function listSteps(call: Call): Promise<Answer> {
  await call.runtara.listEvents(operatorOf(call));
  const { items: steps, ...counts } = page(call.query, []);
  return { body: { steps, ...counts } };
}

export async function listAncestors(call: Call): Promise<Answer> {
  await call.runtara.listEvents(operatorOf(call));
  return { body: { ancestors: [] } };
}

export async function listAgents(call: Call): Promise<Answer> {
  tenantOf(call);
  return { body: { agents: [] } };
}

export async function readCapability(call: Call): Promise<Answer> {
  tenantOf(call);
  return { body: { found: false, inputs: null } };
}

export async function testCapability(call: Call): Promise<Answer> {
  tenantOf(call);
  return { body: { success: false, output: null, error: "narun has no agents", execution_time_ms: 0 } };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const MetricsSchema = z.object({
  start_time_ms: TimeSchema,
  end_time_ms: TimeSchema,
  granularity: z.enum(["hourly", "daily"]).default("hourly"),
});

export async function metrics(call: Call): Promise<Answer> {
  const { granularity, end_time_ms: toMs = Date.now(), start_time_ms } = readQuery(call.query, MetricsSchema);
  const tenant = namedTenant(call, decodePart(call.path[0] ?? ""));
  const isHourly = granularity === "hourly";
  const fromMs = start_time_ms ?? toMs - (isHourly ? DAY_MS : 30 * DAY_MS);
  const found = await call.runtara.metrics({ tenant, fromMs, toMs, bucketMs: isHourly ? HOUR_MS : DAY_MS });
  const buckets = found.map(({ atMs, all, completed, failed, cancelled, durationsMs }) => ({
    bucket_time_ms: atMs,
    invocation_count: all,
    success_count: completed,
    failure_count: failed,
    cancelled_count: cancelled,
    ...statisticsOf(durationsMs),
    success_rate_percent: completed + failed === 0 ? null : (100 * completed) / (completed + failed),
  }));
  return { body: { tenant_id: tenant, start_time_ms: fromMs, end_time_ms: toMs, granularity, buckets } };
}

function statisticsOf(durationsMs: readonly number[]) {
  if (durationsMs.length === 0)
    return { avg_duration_ms: null, min_duration_ms: null, max_duration_ms: null };
  const sum = durationsMs.reduce((all, one) => all + one, 0);
  const [min, max] = durationsMs.reduce(
    ([least, most], one) => [Math.min(least, one), Math.max(most, one)],
    [Number.POSITIVE_INFINITY, 0],
  );
  return { avg_duration_ms: sum / durationsMs.length, min_duration_ms: min, max_duration_ms: max };
}
