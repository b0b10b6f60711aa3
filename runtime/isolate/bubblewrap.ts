/**
 * bubblewrap around a host process: user, process, IPC and host name namespaces of its own, and a read-only file system with
 * the host's own files alone; the host writes into the folder of its socket only. The network stays: the host needs NATS, and `fetch` needs the rest. An attacker who gets past V8
 * and Node's permission model finds no files, no other processes and no privileges.
 */
import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runProgram } from "../../machine/index.ts";

/** The system's files that programs need: the loader's libraries, name resolution, certificates. Missing files are left out. */
const SYSTEM_FILES = [
  "/usr/lib",
  "/usr/lib64",
  "/usr/local/lib",
  "/etc/ld.so.cache",
  "/etc/resolv.conf",
  "/etc/hosts",
  "/etc/host.conf",
  "/etc/nsswitch.conf",
  "/etc/gai.conf",
  "/etc/services",
  "/etc/ssl",
  "/etc/pki",
  "/etc/ca-certificates",
  "/usr/share/ca-certificates",
  "/etc/localtime",
  "/usr/share/zoneinfo",
];
/** Folders on older systems, links into /usr on others. */
const LIBRARY_FOLDERS = ["/lib", "/lib64", "/lib32"];

/** The file descriptor on which bubblewrap says which process is the first in its namespace. */
const INFO_FD = "4";

/**
 * The command inside bubblewrap. `socketFolder` is the one folder that it may write into. The terminal's Ctrl-C reaches the whole process group and must not end the wrapper, so the
 * shell ignores it: ignored signals stay ignored through `exec`.
 */
export function wrapCommand(
  bubblewrap: string,
  command: readonly string[],
  readable: readonly string[],
  socketFolder?: string,
): string[] {
  const folder = socketFolder === undefined ? [] : ["--bind", socketFolder, socketFolder];
  const values = [...namespaces(readable), ...folder, "--info-fd", INFO_FD, "--", ...command];
  return ["/bin/sh", "-c", 'trap "" INT TERM HUP; exec "$0" "$@"', bubblewrap, ...values];
}

/** The same for a command that ends by itself. */
export function wrapBriefly(bubblewrap: string, command: readonly string[]): string[] {
  return [bubblewrap, ...namespaces([]), "--", ...command];
}

function namespaces(readable: readonly string[]): string[] {
  const binds = [...SYSTEM_FILES, ...readable, process.execPath].filter((path) => existsSync(path));
  return [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    ...["--hostname", "narun-host", "--proc", "/proc", "--dev", "/dev"],
    ...binds.flatMap((path) => ["--ro-bind", path, path]),
    ...LIBRARY_FOLDERS.flatMap(libraryFolder),
    ...["--cap-drop", "ALL", "--chdir", "/"],
  ];
}

function libraryFolder(path: string): string[] {
  if (!existsSync(path)) return [];
  return lstatSync(path).isSymbolicLink()
    ? ["--symlink", readlinkSync(path), path]
    : ["--ro-bind", path, path];
}

/** `auto`: bubblewrap where it works on this machine. */
export type SandboxChoice = "auto" | "bubblewrap" | "none";

export type BubblewrapProbe = { path: string } | { path: undefined; reason: string };

/** Upper bound of the time that the probe takes. */
const PROBE_MS = 5_000;

/** Whether `searchPath` has bubblewrap, and this machine lets it make namespaces. Runs Node in it to find out. */
export async function probeBubblewrap(searchPath = ""): Promise<BubblewrapProbe> {
  if (process.platform !== "linux") return { path: undefined, reason: "bubblewrap is for Linux" };
  const path = searchPath
    .split(delimiter)
    .map((folder) => join(folder, "bwrap"))
    .find((file) => existsSync(file));
  if (path === undefined) return { path, reason: "bubblewrap (bwrap) is not on the PATH" };
  const [, ...values] = wrapBriefly(path, [process.execPath, "--version"]);
  const result = await runProgram(path, values, { env: {}, timeoutMs: PROBE_MS });
  return result.outcome === "ok" ? { path } : { path: undefined, reason: result.reason };
}
