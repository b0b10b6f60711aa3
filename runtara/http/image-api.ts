/** The calls of management: images. */
import { z } from "zod";
import { NarunError, parseJson } from "../../contracts/index.ts";
import type { ImageUpload } from "../core/images.ts";
import { type Image, RUNNER_TYPES } from "../core/record.ts";
import { Base64Schema, BODY_LIMITS, badCall, readForm, readJsonBody } from "./body.ts";
import { type Answer, type Call, decodePart, namedTenant } from "./call.ts";
import { refused } from "./environment-api.ts";
import { page, readQuery, TextSchema } from "./query.ts";

/** Clients may send it by number. */
const RunnerTypeSchema = z.preprocess(
  (value) => RUNNER_TYPES[Number(value)] ?? value ?? "native",
  z.enum(RUNNER_TYPES),
);

const RegisterSchema = z.object({
  tenant_id: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  binary: Base64Schema,
  runner_type: RunnerTypeSchema,
  metadata: z.unknown().optional(),
});

export async function register(call: Call): Promise<Answer> {
  const given = await readJsonBody(call.request, RegisterSchema, { maxBytes: BODY_LIMITS.image });
  return store(call, {
    tenant: given.tenant_id,
    name: given.name,
    description: given.description ?? undefined,
    runnerType: given.runner_type,
    bytes: given.binary,
    metadata: given.metadata,
  });
}

export async function upload(call: Call): Promise<Answer> {
  const form = await readForm(call.request);
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === "string" ? value : undefined;
  };
  const [tenant, name, binary, metadata] = [
    text("tenant_id"),
    text("name"),
    form.get("binary"),
    text("metadata"),
  ];
  if (tenant === undefined || name === undefined || binary === null)
    throw badCall("the form needs tenant_id, name and the file binary");
  const runnerType = RunnerTypeSchema.safeParse(text("runner_type"));
  if (!runnerType.success) throw badCall(`runner_type is one of ${RUNNER_TYPES.join(", ")}`);
  return store(call, {
    tenant,
    name,
    description: text("description"),
    runnerType: runnerType.data,
    bytes:
      typeof binary === "string" ? Buffer.from(binary, "latin1") : new Uint8Array(await binary.arrayBuffer()),
    sha256: text("sha256"),
    metadata: metadata === undefined ? undefined : parseJson(metadata, z.unknown()),
  });
}

async function store(call: Call, upload: ImageUpload): Promise<Answer> {
  const tenant = namedTenant(call, upload.tenant);
  try {
    const { id } = await call.runtara.images.register({ ...upload, tenant });
    return { status: 201, body: { success: true, image_id: id, error: null } };
  } catch (error) {
    return refused(error, { image_id: "" });
  }
}

const ListSchema = z.object({ tenant_id: TextSchema });

export async function list(call: Call): Promise<Answer> {
  const { tenant_id } = readQuery(call.query, ListSchema);
  const { items, ...counts } = page(call.query, await call.runtara.images.list(namedTenant(call, tenant_id)));
  return { body: { images: items.map(shown), ...counts } };
}

export async function get(call: Call): Promise<Answer> {
  const image = await find(call);
  return { body: { found: image !== undefined, image: image === undefined ? null : shown(image) } };
}

export async function remove(call: Call): Promise<Answer> {
  const image = await find(call);
  if (image === undefined) {
    const id = decodePart(call.path[0] ?? "");
    throw new NarunError("RUNTARA_IMAGE_NOT_FOUND", { detail: `image ${id} not found` });
  }
  await call.runtara.images.remove(image.id);
  return { body: { success: true } };
}

/** Another tenant's image is not there. */
async function find(call: Call): Promise<Image | undefined> {
  const { tenant_id } = readQuery(call.query, ListSchema);
  const tenant = namedTenant(call, tenant_id);
  const image = await call.runtara.images.find(decodePart(call.path[0] ?? ""));
  return tenant === undefined || image?.tenant === tenant ? image : undefined;
}

function shown({ id, tenant, name, description, runnerType, createdAtMs }: Image) {
  return {
    image_id: id,
    tenant_id: tenant,
    name,
    description: description ?? null,
    runner_type: runnerType,
    created_at_ms: createdAtMs,
  };
}
