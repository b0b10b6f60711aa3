/**
 * Makes a program of any language live as a service.
 *
 * I1  The files are stored before the spec: a spec never names a missing file.
 * I2  The spec moves once, by a compare-and-set against the spec at the start.
 */
import {
  binaryObjectName,
  canonicalJson,
  NarunError,
  nearest,
  type Platform,
  type ServiceBinary,
  type ServiceSpec,
  type Spec,
} from "../../contracts/index.ts";
import { type ByteObjects, type KvRead, type Nats, openSpecs, type TypedKv } from "../../nats/index.ts";
import { requireFreeName } from "../free-name.ts";
import { findNodes, type KnownNode } from "../nodes.ts";
import {
  binaryMetadata,
  describeBinary,
  listObjects,
  openProgramStore,
  platformName,
  scriptPlatforms,
} from "./binaries.ts";
import { invalid, type Program } from "./open-program.ts";

export interface DeployOptions {
  /** `binaries` is filled in; `tag` is required, or `binary_object` in its place. */
  spec: ServiceSpec;
  /** The files, at most one for each platform. None: the stored ones of the tag. */
  programs: readonly Program[];
  /** Ends the deployment between two chunks of a file. The former spec stays live. */
  signal?: AbortSignal;
  /** Called before a file is stored. */
  onUpload?: (object: string, bytes: number) => void;
}

/** A stored file of the deployed version. */
export interface DeployedBinary extends ServiceBinary {
  /** False: the store had the same bytes. */
  uploaded: boolean;
}

/** The outcome of a deployment. */
export interface DeployResult {
  name: string;
  tag: string;
  mode: string;
  /** The same spec and files were live before. */
  unchanged: boolean;
  binaries: DeployedBinary[];
  nodes: { name: string; replicas: number }[];
  /** Targeted nodes for whose platform there is no file: they cannot start it. */
  unsupported: { node: string; platform: string }[];
  /** Targeted nodes that do not run now, each with the nearest name of a running node. */
  absent: { node: string; meant?: string }[];
}

/**
 * Stores the files under the names and with the metadata of the original toolkit, then the spec, so that every version of
 * its runner takes it. Errors: PROGRAM_UNFIT; SERVICE_FILE_INVALID without a tag; NAME_TAKEN, where a function has the
 * name or another deployment came in between; NAME_TAKEN, where a service that was not deployed answers for the name.
 */
export async function deployProgram(nats: Nats, options: DeployOptions): Promise<DeployResult> {
  const { spec, programs } = options;
  const { name } = spec;
  const tag = spec.tag ?? spec.binary_object;
  if (tag === undefined)
    throw new NarunError("SERVICE_FILE_INVALID", {
      detail: `${name}: it has no tag, the version of its files`,
    });
  const [specs, store, nodes] = await Promise.all([openSpecs(nats), openProgramStore(nats), findNodes(nats)]);
  const base = await specs.get(name);
  if (base?.ok && base.value.kind === "function") {
    throw new NarunError("NAME_TAKEN", { detail: `${name} is a function`, name });
  }
  if (base?.ok !== true) await requireFreeName(nats, name);
  const files = planFiles(programs, nodes);
  const uploaded = await uploadAll(store, { ...options, tag, files });
  const binaries = await withStored(store, name, tag, uploaded);
  if (binaries.length === 0 && spec.binary_object === undefined)
    throw new NarunError("PROGRAM_UNFIT", {
      detail: `${name}: no file is given, and none of ${tag} is stored`,
    });

  const next = specOf(spec, tag, binaries);
  const isSame = isLive(base, next);
  if (!isSame) await moveSpec(specs, base, next);
  return {
    name,
    tag,
    mode: next.mode,
    unchanged: isSame && uploaded.every((binary) => !binary.uploaded),
    binaries,
    nodes: next.nodes.map(({ name: node, replicas }) => ({ name: node, replicas })),
    ...judgeNodes(next, binaries, nodes),
  };
}

interface PlannedFile {
  platform: Platform;
  program: Program;
}

/** The file of each platform. Error: PROGRAM_UNFIT, where two files are for one platform. */
function planFiles(programs: readonly Program[], nodes: readonly KnownNode[]): PlannedFile[] {
  const known = nodes.flatMap(({ state: { os, arch } }) =>
    os === undefined || arch === undefined ? [] : [{ os, arch }],
  );
  const planned = new Map<string, PlannedFile>();
  // A script is for every platform that no binary is for.
  const inOrder = [...programs].sort((a, b) => rankOf(a) - rankOf(b));
  for (const program of inOrder) {
    const isScript = program.form.kind === "script";
    const platforms = program.form.kind === "script" ? scriptPlatforms(known) : program.form.platforms;
    for (const platform of platforms) {
      const before = planned.get(platformName(platform))?.program;
      if (before === undefined) planned.set(platformName(platform), { platform, program });
      else if (!isScript || before.form.kind === "script")
        throw invalid(program.file, `${before.file} is for ${platformName(platform)}, too; give one of them`);
    }
  }
  return [...planned.values()];
}

function rankOf({ form }: Program): number {
  return form.kind === "native" ? 0 : 1;
}

interface Uploads extends DeployOptions {
  tag: string;
  files: readonly PlannedFile[];
}

async function uploadAll(store: ByteObjects, uploads: Uploads): Promise<DeployedBinary[]> {
  const { spec, tag, files } = uploads;
  const done: DeployedBinary[] = [];
  for (const { platform, program } of files) {
    const object = binaryObjectName(spec.name, tag, platform);
    done.push(await upload(store, uploads, { object, platform, program }));
  }
  // An early runner asks for this very name.
  const first = firstOf(files);
  const isOwn = done.some(({ object }) => object === spec.binary_object);
  if (spec.binary_object !== undefined && first !== undefined && !isOwn)
    await upload(store, uploads, { object: spec.binary_object, ...first });
  return done;
}

async function upload(
  store: ByteObjects,
  { spec, tag, signal, onUpload }: Uploads,
  { object, platform, program }: PlannedFile & { object: string },
): Promise<DeployedBinary> {
  const { sha256, size, file } = program;
  const metadata = binaryMetadata(spec.name, tag, platform, file);
  const stored = await store.info(object);
  const result = { ...platform, object, sha256, size };
  const isSame = stored?.sha256 === sha256 && canonicalJson(stored.metadata) === canonicalJson(metadata);
  if (isSame) return { ...result, uploaded: false };
  signal?.throwIfAborted();
  onUpload?.(object, size);
  const facts = await store.put(object, program.read(), { metadata, signal });
  if (facts.sha256 === sha256) return { ...result, uploaded: true };
  throw invalid(file, "it was changed while it was stored; deploy it again");
}

/** The file for runners that know no platforms. */
function firstOf<File extends { platform: Platform }>(files: readonly File[]): File | undefined {
  return files.find(({ platform }) => platformName(platform) === "linux/amd64") ?? files[0];
}

/** The uploaded files, and the files of the same version for other platforms that are stored already. */
async function withStored(
  store: ByteObjects,
  name: string,
  tag: string,
  uploaded: readonly DeployedBinary[],
): Promise<DeployedBinary[]> {
  const stored = (await listObjects(store, `${name}-${tag}-`)).flatMap((object): DeployedBinary[] => {
    const about = describeBinary(object);
    if (about?.app !== name || about.tag !== tag) return [];
    const { os, arch } = about;
    if (object.name !== binaryObjectName(name, tag, about)) return [];
    return [{ os, arch, object: object.name, sha256: object.sha256, size: object.size, uploaded: false }];
  });
  const others = stored.filter((one) => !uploaded.some(({ object }) => object === one.object));
  return [...uploaded, ...others].sort((a, b) => (a.object < b.object ? -1 : 1));
}

/** The spec as every version of the original toolkit's runner takes it. */
function specOf(spec: ServiceSpec, tag: string, binaries: readonly DeployedBinary[]): ServiceSpec {
  const platforms = binaries.map((binary) => ({ platform: binary, binary }));
  const object = spec.binary_object ?? firstOf(platforms)?.binary.object;
  return {
    ...spec,
    tag,
    ...(object === undefined ? {} : { binary_object: object }),
    binaries: binaries.map(({ uploaded: _uploaded, ...binary }) => binary),
  };
}

function isLive(base: KvRead<Spec> | undefined, next: ServiceSpec): boolean {
  return base?.ok === true && canonicalJson(base.value.spec) === canonicalJson(next);
}

async function moveSpec(
  specs: TypedKv<Spec>,
  base: KvRead<Spec> | undefined,
  spec: ServiceSpec,
): Promise<void> {
  const { name } = spec;
  const next: Spec = { kind: "service", spec };
  const written =
    base === undefined ? await specs.create(name, next) : await specs.update(name, next, base.revision);
  if (written !== undefined) return;
  const now = await specs.get(name);
  // Another deployment wrote the same spec.
  if (isLive(now, spec)) return;
  throw new NarunError("PUSH_CONFLICT", { detail: `${name} was deployed or removed in the meantime`, name });
}

/** The targeted nodes that cannot run the files, and the nodes that do not run, as far as nodes are known. */
function judgeNodes(
  spec: ServiceSpec,
  binaries: readonly Platform[],
  nodes: readonly KnownNode[],
): Pick<DeployResult, "unsupported" | "absent"> {
  const running = new Map(nodes.filter(({ isLost }) => !isLost).map(({ state }) => [state.node_id, state]));
  const has = new Set(binaries.map(platformName));
  const unsupported = spec.nodes.flatMap(({ name: node }) => {
    const { os, arch } = running.get(node) ?? {};
    if (os === undefined || arch === undefined || has.has(platformName({ os, arch }))) return [];
    return [{ node, platform: platformName({ os, arch }) }];
  });
  const absent = spec.nodes
    .filter(({ name: node }) => !running.has(node))
    .map(({ name: node }) => {
      const meant = nearest(node, running.keys());
      return meant === undefined ? { node } : { node, meant };
    });
  return { unsupported, absent };
}
