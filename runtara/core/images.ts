/**
 * Images: a program's file under the name that a tenant gave it. An image is a revision of a function, so that the file and its
 * limits are kept as those of every function.
 *
 * I1  The same file with the same settings under the same name is the same image: a repeated call makes no other one.
 */
import { z } from "zod";
import {
  canonicalJson,
  EXECUTABLE_HEAD_BYTES,
  type FunctionConfig,
  FunctionConfigSchema,
  type Manifest,
  NarunError,
  parseJson,
  readExecutable,
  revisionKey,
} from "../../contracts/index.ts";
import { sha256Hex } from "../../machine/index.ts";
import { type ContentStore, type Nats, openBinaries, openRevisions, type TypedKv } from "../../nats/index.ts";
import { checkId } from "./ids.ts";
import { MAX_IMAGE_BYTES } from "./limits.ts";
import { type Image, ImageSchema, type RUNNER_TYPES } from "./record.ts";
import { at, type Store } from "./store.ts";

export interface ImageUpload {
  tenant: string;
  name: string;
  description?: string | undefined;
  runnerType: (typeof RUNNER_TYPES)[number];
  bytes: Uint8Array;
  /** SHA-256, hex: the upload must have it. */
  sha256?: string | undefined;
  /** Free. Its key `narun` has keys of narun.yaml: the limits of the program. */
  metadata?: unknown;
}

/** An image as a node starts it. */
export interface ImageFile {
  config: FunctionConfig;
  revision: string;
  bytes: Uint8Array;
}

export interface Images {
  /** Errors: RUNTARA_IMAGE_INVALID, RUNTARA_TOO_LARGE. */
  register(upload: ImageUpload): Promise<Image>;
  find(id: string): Promise<Image | undefined>;
  /** Every image, or a tenant's, the newest first. */
  list(tenant?: string): Promise<Image[]>;
  remove(id: string): Promise<void>;
  /** Errors: RUNTARA_IMAGE_NOT_FOUND; see ContentStore. */
  load(id: string): Promise<ImageFile>;
}

const MetadataSchema = z.object({ narun: z.record(z.string(), z.unknown()).optional() });

export function openImages(nats: Nats, store: Store): Images {
  let stores: Promise<{ revisions: TypedKv<Manifest>; binaries: ContentStore }> | undefined;
  const open = async () => {
    const [revisions, binaries] = await Promise.all([openRevisions(nats), openBinaries(nats)]);
    return { revisions, binaries };
  };
  const opened = () => {
    stores ??= open().catch((error: unknown) => {
      stores = undefined;
      throw error;
    });
    return stores;
  };
  const find = async (id: string) => {
    const record = await store.records.get(at.image(id));
    return record && parseJson(Buffer.from(record.data).toString(), ImageSchema);
  };
  const list = async (tenant?: string) => {
    const found: Image[] = [];
    for await (const { data } of store.records.list(at.images)) {
      const image = parseJson(Buffer.from(data).toString(), ImageSchema);
      if (image !== undefined && (tenant === undefined || image.tenant === tenant)) found.push(image);
    }
    return found.sort((a, b) => b.createdAtMs - a.createdAtMs);
  };
  return {
    find,
    list,
    async register(upload) {
      const manifest = manifestOf(upload);
      const { revisions, binaries } = await opened();
      await binaries.put(manifest.bundle.sha256, upload.bytes);
      const revision = sha256Hex(canonicalJson(manifest));
      const { name } = manifest.config;
      await revisions.put(revisionKey(name, revision), manifest);
      const image = imageOf(upload, { function: name, revision });
      await store.records.put(at.image(image.id), JSON.stringify(image), { ifSequence: 0 });
      return (await find(image.id)) ?? image;
    },
    async remove(id) {
      const image = await find(id);
      if (image === undefined) return;
      await store.records.purge(at.image(id));
      const { revisions, binaries } = await opened();
      const key = revisionKey(image.function, image.revision);
      const stored = await revisions.get(key);
      await revisions.delete(key);
      if (!stored?.ok) return;
      const { sha256 } = stored.value.bundle;
      const others = await revisions.list();
      const isUsed = others.some((read) => !read.ok || read.value.bundle.sha256 === sha256);
      if (!isUsed) await binaries.delete(sha256);
    },
    async load(id) {
      const image = await find(id);
      const { revisions, binaries } = await opened();
      const stored = image && (await revisions.get(revisionKey(image.function, image.revision)));
      if (image === undefined || !stored?.ok)
        throw new NarunError("RUNTARA_IMAGE_NOT_FOUND", { detail: `image ${id} not found` });
      const { config, bundle } = stored.value;
      return { config, revision: image.revision, bytes: await binaries.get(bundle.sha256) };
    },
  };
}

function manifestOf({ tenant, name, bytes, sha256, runnerType, metadata }: ImageUpload): Manifest {
  checkId(tenant, "tenant_id");
  checkId(name, "name");
  if (bytes.byteLength > MAX_IMAGE_BYTES)
    throw new NarunError("RUNTARA_TOO_LARGE", {
      detail: `${bytes.byteLength} bytes, and ${MAX_IMAGE_BYTES} are the most`,
    });
  const digest = sha256Hex(bytes);
  if (sha256 !== undefined && sha256.toLowerCase() !== digest)
    throw invalid(`its SHA-256 is ${digest}, and ${sha256} was announced`);
  if (runnerType === "wasm") throw invalid("narun runs native programs and scripts, no WebAssembly");
  const config = configOf({ tenant, name, metadata });
  const common = {
    format: 1 as const,
    config,
    bundle: { sha256: digest, size: bytes.byteLength },
    sourceMap: { sha256: sha256Hex(new Uint8Array()), size: 0 },
  };
  if (config.mode === "node") return common;
  const reading = readExecutable(bytes.subarray(0, EXECUTABLE_HEAD_BYTES), bytes.byteLength);
  if (!reading.ok) throw invalid(reading.reason);
  const [platform = { os: "any", arch: "any" }] =
    reading.file.kind === "native" ? reading.file.platforms : [];
  const { os, arch } = platform;
  return { ...common, program: { file: FILE, os, arch } };
}

/** The name of a program's file in its folder. */
const FILE = "program";
const MODULE = "program.mjs";

/** The configuration of an image: the keys of a program in narun.yaml that `metadata.narun` has. */
function configOf({
  tenant,
  name,
  metadata,
}: Pick<ImageUpload, "tenant" | "name" | "metadata">): FunctionConfig {
  const given = MetadataSchema.safeParse(metadata ?? {}).data?.narun ?? {};
  const readable = name.replace(/[^A-Za-z0-9_-]/g, "-").slice(0, 40);
  const tag = sha256Hex(Buffer.from(`${tenant}\0${name}`)).slice(0, 12);
  const mode = given.mode === "node" ? "node" : "exec";
  const own = { name: `${readable}-${tag}`, mode, routes: [], command: mode === "node" ? MODULE : FILE };
  const parsed = FunctionConfigSchema.safeParse({ ...given, ...own });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`metadata.narun: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  if (parsed.data.network === false)
    throw invalid("metadata.narun: network: a program reaches narun over the network");
  return parsed.data;
}

function imageOf(upload: ImageUpload, stored: { function: string; revision: string }): Image {
  const { tenant, name, description, runnerType, bytes } = upload;
  const digest = sha256Hex(Buffer.from(`${tenant}\0${name}\0${stored.revision}`));
  // In the form of a UUID, which clients may expect.
  const id = digest.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
  const told = description === undefined ? {} : { description };
  return {
    id,
    tenant,
    name,
    ...told,
    runnerType,
    createdAtMs: Date.now(),
    ...stored,
    sizeBytes: bytes.byteLength,
  };
}

function invalid(detail: string): NarunError {
  return new NarunError("RUNTARA_IMAGE_INVALID", { detail });
}
