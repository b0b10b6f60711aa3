import {
  binaryObjectName,
  canonicalJson,
  createSpecReader,
  type FunctionSpec,
  formatSpec,
  formatYamlIssues,
  type Manifest,
  ManifestSchema,
  NarunError,
  type NodeState,
  NodeStateSchema,
  platformOf,
  readJson,
  readYamlDocument,
  type Spec,
  type StoredSecret,
  StoredSecretSchema,
  type StoredToolKey,
  StoredToolKeySchema,
  shortRevision,
  stores,
} from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { type KvCodec, openKv, type TypedKv } from "./kv/kv.ts";
import { type ContentStore, openContentStore } from "./objects/objects.ts";

/** The desired state: name → spec. Functions, and services of the original toolkit. */
export function openSpecs(nats: Nats): Promise<TypedKv<Spec>> {
  return openKv(nats, stores.configs, createSpecCodec());
}

/** The manifests of all revisions: `<name>.<revision>` → manifest. */
export function openRevisions(nats: Nats): Promise<TypedKv<Manifest>> {
  return openKv(nats, stores.revisions, manifestCodec);
}

/** The states of the nodes: node id → state. Entries of nodes that are silent vanish by themselves. */
export function openNodeStates(nats: Nats): Promise<TypedKv<NodeState>> {
  const { bucket, history, ttlMs } = stores.nodes;
  return openKv(nats, { bucket, history, ttlMs }, nodeStateCodec);
}

/** The secrets of functions, encrypted: name → secret. */
export function openSecrets(nats: Nats): Promise<TypedKv<StoredSecret>> {
  return openKv(nats, stores.secrets, secretCodec);
}

/** The directory of keys and requests of enrolment, as texts whose readers verify them. */
export function openKeyTexts(nats: Nats): Promise<TypedKv<string>> {
  return openKv(nats, stores.keys, {
    decode: (text) => text,
    encode: (text) => text,
    maxBytes: MAX_DIRECTORY_BYTES,
  });
}

/** Sealed texts about the keys of an account, for holders of its seeds. */
export function openSealedRecords<T>(nats: Nats, codec: KvCodec<T>): Promise<TypedKv<T>> {
  return openKv(nats, stores.network, { ...codec, maxBytes: MAX_DIRECTORY_BYTES });
}

/** The largest message that a server may be configured for. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;

/** The keys of MCP clients: name → key. */
export function openToolKeys(nats: Nats): Promise<TypedKv<StoredToolKey>> {
  return openKv(nats, stores.toolKeys, toolKeyCodec);
}

/** Bundles and source maps, by their digest. */
export function openBinaries(nats: Nats): Promise<ContentStore> {
  return openContentStore(nats, stores.binaries.objects);
}

const createSpecCodec = (parse = createSpecReader()): KvCodec<Spec> => ({
  decode(text, key) {
    const parsed = parse(text);
    if (!parsed.ok) {
      throw new NarunError("SPEC_INVALID", {
        detail: `${key}: ${formatYamlIssues(parsed.issues).replaceAll("\n", "; ")}`,
      });
    }
    const { name } = parsed.value.spec;
    if (name !== key)
      throw new NarunError("SPEC_INVALID", { detail: `${key}: its name is ${JSON.stringify(name)}` });
    return parsed.value;
  },
  encode({ spec }) {
    const text = formatSpec(spec);
    // A spec that would be unreadable is not written.
    const reading = readYamlDocument(text);
    if (!reading.ok) throw new NarunError("SPEC_INVALID", { detail: `${spec.name}: ${reading.issue}` });
    return text;
  },
});

const manifestCodec: KvCodec<Manifest> = {
  decode: (text) => ManifestSchema.parse(readJson(text)),
  encode: canonicalJson,
};

const secretCodec: KvCodec<StoredSecret> = {
  decode: (text) => StoredSecretSchema.parse(readJson(text)),
  encode: (secret) => JSON.stringify(secret),
};

const toolKeyCodec: KvCodec<StoredToolKey> = {
  decode: (text) => StoredToolKeySchema.parse(readJson(text)),
  encode: (key) => JSON.stringify(StoredToolKeySchema.parse(key)),
};

const nodeStateCodec: KvCodec<NodeState> = {
  decode: (text) => NodeStateSchema.parse(readJson(text)),
  encode: (state) => JSON.stringify(state),
};

/** The spec that makes a revision live: the manifest's configuration and the revision's name. */
export function specOfManifest(manifest: Manifest, revision: string): FunctionSpec {
  const { config, program } = manifest;
  if (program === undefined) return { ...config, revision };
  const tag = shortRevision(revision);
  return { ...config, revision, tag, binary_object: binaryObjectName(config.name, tag, platformOf(program)) };
}
