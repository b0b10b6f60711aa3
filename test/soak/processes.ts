/** The processes of a `narun up` by role, and the resources that each of them holds. Linux only: it reads /proc. */
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { ownMemory } from "../../bench/processes.ts";
import { descendantsOf } from "../../cli/testing/processes.ts";

export type Role = "gateway" | "runner" | "host" | "nats-server";

export interface Holdings {
  memoryBytes: number;
  descriptors: number;
}

/** The process ids of each role. `narun up` itself is the gateway. */
export function rolesOf(pid: number): Record<Role, number[]> {
  const roles: Record<Role, number[]> = { gateway: [pid], runner: [], host: [], "nats-server": [] };
  for (const { pid: child } of descendantsOf(pid)) {
    const role = roleOf(child);
    if (role !== undefined) roles[role].push(child);
  }
  return roles;
}

function roleOf(pid: number): Role | undefined {
  const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  if (basename(program).startsWith("nats-server")) return "nats-server";
  // A sandbox program around a host has the host's arguments.
  if (program !== process.execPath) return undefined;
  if (args.includes("--permission")) return "host";
  return args.some((arg) => /cli\/main\.[jt]s$/.test(arg)) && args.includes("node") ? "runner" : undefined;
}

/**
 * The maximum that one process of each role holds. After kills there may be several hosts for some minutes: functions whose
 * host died twice are kept apart.
 */
export function holdingsOf(pid: number): Record<Role, Holdings> {
  const roles = rolesOf(pid);
  const most = (pids: number[]): Holdings => ({
    memoryBytes: Math.max(...pids.map(ownMemory)),
    descriptors: Math.max(...pids.map((one) => readdirSync(`/proc/${one}/fd`).length)),
  });
  return {
    gateway: most(roles.gateway),
    runner: most(roles.runner),
    host: most(roles.host),
    "nats-server": most(roles["nats-server"]),
  };
}
