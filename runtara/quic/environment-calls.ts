/** The calls of managers over QUIC: each request of the environment protocol → its answer. */
import { z } from "zod";
import { isNarunError, NarunError, parseJson } from "../../contracts/index.ts";
import type { EnvironmentResponse, environment as pb } from "../../protocol/index.ts";
import type { ImageUpload } from "../core/images.ts";
import { MAX_IMAGE_BYTES } from "../core/limits.ts";
import { INSTANCE_ORDERS } from "../core/listing.ts";
import { type Image, type Instance, RUNNER_TYPES, SIGNAL_TYPES, STATUSES } from "../core/record.ts";
import type { Runtara } from "../core/runtara.ts";
import type { Caller } from "../core/transitions.ts";
import { defined, optionalMs, STATUS_NUMBERS } from "./instance-calls.ts";

type Request = NonNullable<pb.RpcRequest["request"]>;
type Of<C extends Request["case"]> = Extract<Request, { case: C }>["value"];
type Response = EnvironmentResponse["response"];

export interface EnvironmentCall {
  runtara: Runtara;
  version: string;
  startedAtMs: number;
  /** The bytes that follow the request. */
  rest: AsyncIterable<Uint8Array>;
}

const operator = (instance: string): Caller => ({ instance, tenant: undefined, run: undefined });
const DONE = { success: true };
const DEFAULT_LIMIT = 100;

/** Errors: the operation's own. */
export async function callEnvironment(call: EnvironmentCall, { request }: pb.RpcRequest): Promise<Response> {
  const { runtara } = call;
  switch (request.case) {
    case "healthCheck":
      return health(call);
    case "registerImage":
      return registerImage(runtara, { ...uploadOf(request.value), bytes: request.value.binary });
    case "registerImageStream": {
      const bytes = await readFile(call.rest, Number(request.value.binarySize));
      return registerImage(runtara, { ...uploadOf(request.value), bytes, sha256: request.value.sha256 });
    }
    case "listImages":
      return listImages(runtara, request.value);
    case "getImage": {
      const image = await findImage(runtara, request.value);
      return {
        case: "getImage",
        value: { found: image !== undefined, ...(image && { image: shownImage(image) }) },
      };
    }
    case "deleteImage":
      return { case: "deleteImage", value: await outcomeOf(() => deleteImage(runtara, request.value)) };
    case "startInstance":
      return startInstance(runtara, request.value);
    case "stopInstance": {
      const { instanceId, graceSeconds, reason } = request.value;
      const order = { graceMs: graceSeconds * 1_000, reason: reason || "it was stopped" };
      return {
        case: "stopInstance",
        value: await outcomeOf(() => runtara.stop(operator(instanceId), order)),
      };
    }
    case "resumeInstance":
      return {
        case: "resumeInstance",
        value: await outcomeOf(() => runtara.resume(operator(request.value.instanceId))),
      };
    case "sendSignal":
      return { case: "sendSignal", value: await outcomeOf(() => sendSignal(runtara, request.value)) };
    case "sendCustomSignal": {
      const { instanceId, checkpointId: checkpoint, payload } = request.value;
      const send = () => runtara.customSignal(operator(instanceId), { checkpoint, payload });
      return { case: "sendCustomSignal", value: await outcomeOf(send) };
    }
    default:
      return read(runtara, request);
  }
}

/** The calls that only read. */
async function read(runtara: Runtara, request: Request): Promise<Response> {
  switch (request.case) {
    case "getInstanceStatus":
      return status(runtara, request.value);
    case "listInstances":
      return listInstances(runtara, request.value);
    case "listCheckpoints":
      return listCheckpoints(runtara, request.value);
    case "getCheckpoint":
      return getCheckpoint(runtara, request.value);
    case "listEvents":
      return listEvents(runtara, request.value);
    default:
      throw new NarunError("RUNTARA_NO_SUCH_CALL", {
        detail: request.case === undefined ? "the server does not know this request" : request.case,
      });
  }
}

async function health({ runtara, version, startedAtMs }: EnvironmentCall): Promise<Response> {
  const running = await runtara.list({ status: "running" });
  const uptimeMs = BigInt(Date.now() - startedAtMs);
  return {
    case: "healthCheck",
    value: { healthy: true, version, uptimeMs, activeInstances: running.length },
  };
}

function uploadOf(given: Of<"registerImage"> | Of<"registerImageStream">): Omit<ImageUpload, "bytes"> {
  const { tenantId: tenant, name, description, runnerType, metadata } = given;
  return {
    ...{ tenant, name, description, runnerType: RUNNER_TYPES[runnerType] ?? "native" },
    metadata: metadata && parseJson(new TextDecoder().decode(metadata), z.unknown()),
  };
}

/** The file behind a request. Errors: RUNTARA_TOO_LARGE, RUNTARA_IMAGE_INVALID. */
async function readFile(rest: AsyncIterable<Uint8Array>, announced: number): Promise<Uint8Array> {
  if (announced > MAX_IMAGE_BYTES)
    throw new NarunError("RUNTARA_TOO_LARGE", {
      detail: `${announced} bytes, and ${MAX_IMAGE_BYTES} are the most`,
    });
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of rest) {
    size += piece.byteLength;
    if (size > announced) break;
    pieces.push(piece);
  }
  if (size === announced) return Buffer.concat(pieces);
  throw new NarunError("RUNTARA_IMAGE_INVALID", {
    detail: `${announced} bytes were announced, and ${size > announced ? "more" : size} came`,
  });
}

async function registerImage(runtara: Runtara, upload: ImageUpload): Promise<Response> {
  const outcome = await outcomeOf(async () => (await runtara.images.register(upload)).id);
  const { success, error, value } = outcome;
  return { case: "registerImage", value: { success, imageId: value ?? "", ...(error && { error }) } };
}

const shownImage = ({ id, tenant, name, description, runnerType, createdAtMs }: Image) =>
  defined({
    imageId: id,
    tenantId: tenant,
    name,
    description,
    runnerType: RUNNER_TYPES.indexOf(runnerType) as pb.RunnerType,
    createdAtMs: BigInt(createdAtMs),
  });

async function listImages(
  runtara: Runtara,
  { tenantId, limit, offset }: Of<"listImages">,
): Promise<Response> {
  const all = await runtara.images.list(tenantId);
  return {
    case: "listImages",
    value: { images: page(all, limit, offset).map(shownImage), totalCount: all.length },
  };
}

/** Another tenant's image is not there. */
async function findImage(
  runtara: Runtara,
  { imageId, tenantId }: { imageId: string; tenantId: string },
): Promise<Image | undefined> {
  const image = await runtara.images.find(imageId);
  return tenantId === "" || image?.tenant === tenantId ? image : undefined;
}

async function deleteImage(runtara: Runtara, named: Of<"deleteImage">): Promise<void> {
  const image = await findImage(runtara, named);
  if (image === undefined)
    throw new NarunError("RUNTARA_IMAGE_NOT_FOUND", { detail: `image ${named.imageId} not found` });
  await runtara.images.remove(image.id);
}

async function startInstance(runtara: Runtara, order: Of<"startInstance">): Promise<Response> {
  const { imageId: image, tenantId: tenant, instanceId, input, timeoutSeconds, env } = order;
  const { success, error, value } = await outcomeOf(() =>
    runtara.start({
      instance: instanceId || undefined,
      ...{ tenant, image, env, timeoutSeconds },
      input: input.byteLength === 0 ? undefined : input,
    }),
  );
  return {
    case: "startInstance",
    value: { success, instanceId: value ?? instanceId ?? "", ...(error && { error }) },
  };
}

async function sendSignal(
  runtara: Runtara,
  { instanceId, signalType, payload }: Of<"sendSignal">,
): Promise<void> {
  const type = SIGNAL_TYPES[signalType];
  if (type === undefined) throw new NarunError("RUNTARA_BAD_CALL", { detail: `signal_type ${signalType}` });
  if (type === "resume") await runtara.resume(operator(instanceId));
  else
    await runtara.signal(operator(instanceId), {
      type,
      payload: payload.byteLength === 0 ? undefined : payload,
    });
}

/** Clients read the reason of a refusal out of the answer of their call. */
async function outcomeOf<T>(act: () => Promise<T>): Promise<{ success: boolean; error?: string; value?: T }> {
  try {
    return { ...DONE, value: await act() };
  } catch (error) {
    if (!isNarunError(error) || !error.code.startsWith("RUNTARA_") || error.code === "RUNTARA_CONTENDED")
      throw error;
    return { success: false, error: error.message };
  }
}

async function status(runtara: Runtara, { instanceId }: Of<"getInstanceStatus">): Promise<Response> {
  const instance = await runtara.find(operator(instanceId));
  if (instance === undefined) return { case: "getInstanceStatus", value: { found: false, instanceId } };
  const [checkpointId, input, output] = await Promise.all([
    runtara.lastCheckpoint(instance),
    runtara.input(instance),
    runtara.output(instance),
  ]);
  const value = defined({
    ...summaryOf(instance),
    found: true,
    imageName: instance.image?.name ?? "",
    ...{ checkpointId, input, output, error: instance.error, stderr: instance.stderr },
    heartbeatAtMs: optionalMs(instance.heartbeatAtMs),
    retryCount: instance.retries,
  });
  return { case: "getInstanceStatus", value };
}

const summaryOf = (instance: Instance) =>
  defined({
    instanceId: instance.id,
    tenantId: instance.tenant,
    imageId: instance.image?.id ?? "",
    status: STATUS_NUMBERS[instance.status],
    createdAtMs: BigInt(instance.createdAtMs),
    startedAtMs: optionalMs(instance.startedAtMs),
    finishedAtMs: optionalMs(instance.finishedAtMs),
  });

async function listInstances(runtara: Runtara, query: Of<"listInstances">): Promise<Response> {
  const order = INSTANCE_ORDERS.find((known) => known === query.orderBy);
  // The numbers begin with "unknown", which no instance is.
  const wanted = query.status === undefined ? undefined : STATUSES[query.status - 1];
  const all =
    query.status !== undefined && wanted === undefined
      ? []
      : await runtara.list({
          tenant: query.tenantId,
          status: wanted,
          image: query.imageId,
          imageNamePrefix: query.imageNamePrefix,
          createdAfterMs: numberOf(query.createdAfterMs),
          createdBeforeMs: numberOf(query.createdBeforeMs),
          finishedAfterMs: numberOf(query.finishedAfterMs),
          finishedBeforeMs: numberOf(query.finishedBeforeMs),
          order,
        });
  const instances = page(all, query.limit, query.offset).map((instance) => ({
    ...summaryOf(instance),
    hasError: instance.status === "failed",
  }));
  return { case: "listInstances", value: { instances, totalCount: all.length } };
}

async function listCheckpoints(runtara: Runtara, query: Of<"listCheckpoints">): Promise<Response> {
  const { instanceId, checkpointId: id, limit = DEFAULT_LIMIT, offset = 0 } = query;
  const all = await runtara.listCheckpoints(operator(instanceId), {
    id,
    afterMs: numberOf(query.createdAfterMs),
    beforeMs: numberOf(query.createdBeforeMs),
  });
  const checkpoints = page(all, limit, offset).map(({ id: checkpointId, createdAtMs, sizeBytes }) => ({
    ...{ checkpointId, instanceId },
    createdAtMs: BigInt(createdAtMs),
    dataSizeBytes: BigInt(sizeBytes),
  }));
  return { case: "listCheckpoints", value: { checkpoints, totalCount: all.length, limit, offset } };
}

async function getCheckpoint(
  runtara: Runtara,
  { instanceId, checkpointId }: Of<"getCheckpoint">,
): Promise<Response> {
  const found = await runtara.readCheckpoint(operator(instanceId), checkpointId);
  const facts = found && { createdAtMs: BigInt(found.createdAtMs), data: found.state };
  return { case: "getCheckpoint", value: { found: found !== undefined, checkpointId, instanceId, ...facts } };
}

async function listEvents(runtara: Runtara, query: Of<"listEvents">): Promise<Response> {
  const { instanceId, eventType: type, subtype, contains, limit = DEFAULT_LIMIT, offset = 0 } = query;
  const all = await runtara.listEvents(operator(instanceId), {
    ...{ type, subtype, contains },
    afterMs: numberOf(query.createdAfterMs),
    beforeMs: numberOf(query.createdBeforeMs),
  });
  const events = page(all, limit, offset).map((event) =>
    defined({
      id: BigInt(event.id),
      instanceId,
      eventType: event.type,
      checkpointId: event.checkpoint,
      payload: event.payload.byteLength === 0 ? undefined : event.payload,
      createdAtMs: BigInt(event.createdAtMs),
      subtype: event.subtype,
    }),
  );
  return { case: "listEvents", value: { events, totalCount: all.length, limit, offset } };
}

const numberOf = (ms: bigint | undefined) => (ms === undefined ? undefined : Number(ms));

/** A limit of 0 is that of a client that names none. */
const page = <T>(all: readonly T[], limit: number, offset: number) =>
  all.slice(offset, offset + (limit === 0 ? DEFAULT_LIMIT : limit));
