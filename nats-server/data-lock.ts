/**
 * One narun for a data folder.
 *
 * The lock is a file that names its owner. A killed owner leaves it behind, and the next process takes it over. Two
 * processes may try that at once, and a plain "remove the old, write mine" lets one remove the other's new record.
 * So:
 *
 * I1  Every record has an id of its own. The lock's owner is found by going from `narun.lock` to the successor of
 *     each record, `narun.lock.<id>`, to the last one.
 * I2  Records appear whole and where none was, by `link`: only one process can become the successor of a dead owner.
 * I3  A process that linked a record owns the lock only if I1 leads to it afterwards. Then it moves to `narun.lock`.
 * I4  Only the owner changes `narun.lock`; a dead owner never comes back, as pids count with their start time.
 */
import { createHash } from "node:crypto";
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { NarunError, parseJson } from "../contracts/index.ts";
import {
  endProcess,
  errnoOf,
  identifyProcess,
  isRunning,
  makeOwnFolder,
  ProcessIdentitySchema,
  temporaryOf,
  unusableFolder,
  writeWholeSync,
} from "../machine/index.ts";

export interface DataLock {
  readonly dir: string;
  /**
   * Notes the nats-server of the folder, so that the next owner can end it if this one is killed. The note is written
   * before this returns: the time in which a server runs without one is as short as possible.
   */
  recordNats(pid: number): void;
  /** Releases the folder. Call it after the nats-server was closed. */
  release(): void;
}

const LOCK_FILE = "narun.lock";

/** How long a nats-server without an owner may take to end. */
const ORPHAN_GRACE_MS = 5_000;

const RecordSchema = z.object({
  id: z.string().regex(/^[0-9a-f-]+$/),
  owner: ProcessIdentitySchema,
  nats: ProcessIdentitySchema.optional(),
});
type LockRecord = z.infer<typeof RecordSchema>;

/**
 * Takes the lock of a data folder, creating the folder where it is missing. The lock of a process that no longer runs
 * is taken over, and the nats-server that it left behind is ended first. Errors: DATA_DIR_LOCKED, naming the pid; FOLDER_UNUSABLE.
 */
export async function lockDataDir(dataDir: string): Promise<DataLock> {
  const dir = resolve(dataDir);
  await makeOwnFolder(dir);
  const place = join(dir, LOCK_FILE);
  let record = take(dir, place);
  let isHeld = true;
  const write = (next: LockRecord) => {
    // Released, the file is the next owner's.
    if (!isHeld) return;
    record = next;
    writeWholeSync(place, JSON.stringify(next));
  };
  // The server stays noted until it is gone: if this process is killed here, too, the next one finds it.
  if (record.nats !== undefined) {
    await endProcess(record.nats, ORPHAN_GRACE_MS);
    const { nats: _ended, ...rest } = record;
    write(rest);
  }
  return {
    dir,
    recordNats: (pid) => write({ ...record, nats: identifyProcess(pid) }),
    release() {
      if (isHeld) rmSync(place, { force: true });
      isHeld = false;
    },
  };
}

function take(dir: string, place: string): LockRecord {
  try {
    return acquire(place);
  } catch (error) {
    throw unusableFolder(dir, error);
  }
}

/** Becomes the owner. Throws DATA_DIR_LOCKED. */
function acquire(place: string): LockRecord {
  for (;;) {
    const last = findOwner(place);
    if (last !== undefined && last.record !== undefined && isRunning(last.record.owner)) {
      const { pid } = last.record.owner;
      throw new NarunError("DATA_DIR_LOCKED", {
        detail: `process ${pid} holds ${place}`,
        pid,
        dir: place.slice(0, -LOCK_FILE.length - 1),
      });
    }
    const record: LockRecord = {
      id: crypto.randomUUID(),
      owner: identifyProcess(process.pid),
      ...(last?.record?.nats === undefined ? {} : { nats: last.record.nats }),
    };
    const linkedAt = last === undefined ? place : successorOf(place, last.id);
    if (!linkFile(linkedAt, record)) continue;
    if (findOwner(place)?.id !== record.id) {
      // Another process was faster, and has moved its record since.
      rmSync(linkedAt, { force: true });
      continue;
    }
    writeWholeSync(place, JSON.stringify(record));
    removeSuccessors(place);
    return record;
  }
}

interface FoundRecord {
  id: string;
  /** Undefined where the file is damaged, which a power cut can do. */
  record: LockRecord | undefined;
}

/** The last record of the chain (I1); undefined where the lock has never had an owner. */
function findOwner(place: string): FoundRecord | undefined {
  let last: FoundRecord | undefined;
  for (let next = readRecord(place); next !== undefined; next = readRecord(successorOf(place, next.id))) {
    last = next;
  }
  return last;
}

function readRecord(path: string): FoundRecord | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  const parsed = parseJson(text, RecordSchema);
  if (parsed !== undefined) return { id: parsed.id, record: parsed };
  return { id: createHash("sha256").update(text).digest("hex"), record: undefined };
}

function successorOf(place: string, id: string): string {
  return `${place}.${id}`;
}

/** Creates a file with its whole content in one step; false where there is one already. */
function linkFile(path: string, record: LockRecord): boolean {
  const temporary = temporaryOf(path);
  writeFileSync(temporary, JSON.stringify(record));
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Removes what dead owners left beside the lock. A process that is about to link one more finds by I3 that it lost. */
function removeSuccessors(place: string): void {
  const dir = place.slice(0, -LOCK_FILE.length - 1);
  for (const name of readdirSync(dir)) {
    if (name.startsWith(`${LOCK_FILE}.`) && !name.endsWith(".tmp")) rmSync(join(dir, name), { force: true });
  }
}
