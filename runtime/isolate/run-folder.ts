/**
 * The private folder of a runner for the sockets of its hosts, in the system's temporary folder: the path of a socket has a
 * hundred bytes at most.
 *
 * I1  Nobody but the runner's user may enter it. Each host has a folder of its own in it, of which no other host sees anything
 *     where hosts are in bubblewrap.
 * I2  A folder is removed at the end of its runner, or by a later runner: a runner that was killed removes nothing. A folder is
 *     left over where no process listens on any socket in it, and it is older than a start takes.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { lstat, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { MAX_SOCKET_PATH_BYTES } from "../../contracts/index.ts";

/** The socket of one host process. */
export interface HostSocket {
  /** The id of the machine. */
  readonly machine: string;
  /** The folder of the host alone. */
  readonly folder: string;
  readonly path: string;
  /** Removes the folder. */
  remove(): Promise<void>;
}

export interface RunFolder {
  /** A socket for one more host; undefined where the system does not permit it. */
  open(): HostSocket | undefined;
  close(): Promise<void>;
}

const PREFIX = "narun-run-";
const SOCKET_NAME = "s";
const MACHINE_BYTES = 16;
/** How old a folder without sockets is before it is left over. */
const LEFT_AFTER_MS = 60_000;
/** Upper bound of the digits in the name of a host's folder. */
const MAX_DIGITS = 8;

/** Makes the folder. Undefined where the system has no temporary folder for it, or only one with too long a path. */
export async function makeRunFolder(parent: string = tmpdir()): Promise<RunFolder | undefined> {
  const folder = await makePrivate(parent).catch(() => undefined);
  if (folder === undefined) return undefined;
  void removeLeftovers(parent).catch(() => undefined);
  const machine = randomBytes(MACHINE_BYTES).toString("hex");
  let hosts = 0;
  return {
    open() {
      const own = join(folder, (hosts++).toString(36));
      try {
        mkdirSync(own, { mode: 0o700 });
      } catch {
        return undefined;
      }
      const remove = () => rm(own, { recursive: true, force: true });
      return { machine, folder: own, path: join(own, SOCKET_NAME), remove };
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function makePrivate(parent: string): Promise<string | undefined> {
  const place = await realpath(parent);
  const longest = join(place, `${PREFIX}XXXXXX`, "0".repeat(MAX_DIGITS), SOCKET_NAME);
  if (Buffer.byteLength(longest) > MAX_SOCKET_PATH_BYTES) return undefined;
  return mkdtemp(join(place, PREFIX));
}

/** Removes the folders of this user's runners that were killed. */
async function removeLeftovers(parent: string): Promise<void> {
  const { uid } = userInfo();
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    const { uid: owner, mtimeMs } = await lstat(folder);
    if (owner !== uid || Date.now() - mtimeMs < LEFT_AFTER_MS) continue;
    if (!(await isInUse(folder))) await rm(folder, { recursive: true, force: true });
  }
}

async function isInUse(folder: string): Promise<boolean> {
  const hosts = await readdir(folder);
  const answers = await Promise.all(hosts.map((host) => isListening(join(folder, host, SOCKET_NAME))));
  return answers.includes(true);
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
