import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import {
  childrenCpuMs,
  childrenOf,
  cpuMs,
  isAlive,
  MIB,
  ownMemory,
  peakMemory,
  residentMemory,
  threadsMs,
} from "./processes.ts";

const BUSY_MS = 200;
const BUSY = `const end = process.cpuUsage().user / 1000 + ${BUSY_MS}; while (process.cpuUsage().user / 1000 < end);`;

describe.skipIf(process.platform !== "linux")("the figures of a process", () => {
  it("are its memory: resident at least what it has alone, at its highest at least what it has now", () => {
    const [own, resident] = [ownMemory, residentMemory].map((of) => of(process.pid));
    expect(own).toBeGreaterThan(MIB);
    expect(resident).toBeGreaterThan(MIB);
    expect(peakMemory(process.pid)).toBeGreaterThan(MIB);
  });

  it("are the CPU time of its children, after they have ended", async () => {
    const before = childrenCpuMs();
    const child = spawn(process.execPath, ["-e", BUSY]);
    expect(childrenOf(process.pid)).toContain(child.pid);
    await once(child, "exit");
    expect(childrenCpuMs() - before).toBeGreaterThanOrEqual(BUSY_MS / 2);
  });

  it("are the CPU time of its threads", () => {
    const before = threadsMs(process.pid);
    const end = process.cpuUsage().user / 1_000 + BUSY_MS;
    while (process.cpuUsage().user / 1_000 < end);
    expect(threadsMs(process.pid) - before).toBeGreaterThanOrEqual(BUSY_MS / 2);
  });

  it("are zero after its end", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    const pid = child.pid ?? 0;
    expect(isAlive(pid)).toBe(false);
    expect([cpuMs(pid), threadsMs(pid), residentMemory(pid), ownMemory(pid)]).toEqual([0, 0, 0, 0]);
    expect(childrenOf(pid)).toEqual([]);
  });
});
