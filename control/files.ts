import { NarunError, nearest, stores } from "../contracts/index.ts";
import { type ByteObjects, type Nats, openByteObjects } from "../nats/index.ts";
import { listObjects } from "./programs/binaries.ts";

/** A file that programs mount. */
export interface StoredFile {
  name: string;
  size: number;
  /** Hex. */
  sha256: string;
  /** ISO 8601. */
  updatedAt: string;
  /** Its name where it came from. Null for a file without one. */
  originalName: string | null;
}

export interface NewFile {
  /** The name by which `mounts` refer to it. */
  name: string;
  /** Its base name where it comes from. */
  originalName: string;
  body: AsyncIterable<Uint8Array>;
}

/** The file's name where it came from, and when it was stored (compatible). */
const METADATA = { original: "original-filename", uploaded: "upload-timestamp" } as const;
const MAX_NAME_CHARACTERS = 255;

/** Stores a file, in place of an older one. Instances that mount it are replaced. Error: USAGE, for a name with a slash. */
export async function addFile(
  nats: Nats,
  { name, originalName, body }: NewFile,
): Promise<{ name: string; size: number; sha256: string; created: boolean }> {
  requireFileName(name);
  const store = openFiles(nats);
  const before = await store.info(name);
  const metadata = { [METADATA.original]: originalName, [METADATA.uploaded]: new Date().toISOString() };
  const { size, sha256 } = await store.put(name, body, { metadata });
  return { name, size, sha256, created: before === undefined };
}

/** All files, by their names. */
export async function listFiles(nats: Nats): Promise<StoredFile[]> {
  return (await listObjects(openFiles(nats)))
    .map(({ name, size, sha256, modifiedAt, metadata }) => ({
      name,
      size,
      sha256,
      updatedAt: modifiedAt.toISOString(),
      originalName: metadata[METADATA.original] ?? null,
    }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Deletes a file. Running instances keep theirs. Error: FILE_MISSING with the nearest name. */
export async function removeFile(nats: Nats, name: string): Promise<void> {
  const store = openFiles(nats);
  if ((await store.info(name)) === undefined) {
    const names = (await listObjects(store)).map((file) => file.name);
    const meant = nearest(name, names);
    const advice = meant === undefined ? "" : `; did you mean "${meant}"?`;
    throw new NarunError("FILE_MISSING", { detail: `${JSON.stringify(name)}${advice}` });
  }
  await store.delete(name);
}

function openFiles(nats: Nats): ByteObjects {
  return openByteObjects(nats, stores.files.objects);
}

function requireFileName(name: string): void {
  const isValid = name !== "" && name.length <= MAX_NAME_CHARACTERS && !/[/\p{Cc}]/u.test(name);
  if (isValid) return;
  const rule = `a file's name has 1 to ${MAX_NAME_CHARACTERS} characters, no / and no control characters`;
  throw new NarunError("USAGE", { detail: `${JSON.stringify(name)}: ${rule}` });
}
