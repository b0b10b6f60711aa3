/** The process at the other end of a loopback connection, by /proc (proc_net_tcp(5)). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Whether this system tells which process holds a connection. */
export const canFindOwners = process.platform === "linux";

/** Whether one of these processes holds the socket that is connected from `port` to `toPort`. */
export function isHeldBy(pids: Iterable<number>, port: number, toPort: number): boolean {
  const inode = inodeOf(port, toPort);
  if (inode === undefined) return false;
  for (const pid of pids) if (holds(pid, inode)) return true;
  return false;
}

function inodeOf(port: number, toPort: number): string | undefined {
  const [own, other] = [hexOf(port), hexOf(toPort)];
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of read(table).split("\n")) {
      const [, local = "", remote = "", , , , , , , inode] = line.trim().split(/\s+/);
      if (local.endsWith(`:${own}`) && remote.endsWith(`:${other}`) && inode !== "0") return inode;
    }
  }
  return undefined;
}

function holds(pid: number, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => {
      try {
        return readlinkSync(`${folder}/${fd}`) === `socket:[${inode}]`;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

const hexOf = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
