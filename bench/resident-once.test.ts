import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { residentMemory } from "./processes.ts";
import { residentOnce } from "./resident-once.ts";

describe.skipIf(process.platform !== "linux")("the memory of processes together", () => {
  it("counts a page that they share once", async () => {
    const script = "console.log(); setInterval(() => {}, 1000)";
    const children = [1, 2].map(() => spawn(process.execPath, ["-e", script]));
    try {
      await Promise.all(children.map((child) => once(child.stdout, "data")));
      const [first = 0, second = 0] = children.map(({ pid = 0 }) => pid);
      const together = residentOnce([first, second]);
      expect(together).toBeGreaterThan(residentOnce([first]) * 1.1);
      // The program itself is most of the memory of each.
      expect(together).toBeLessThan((residentMemory(first) + residentMemory(second)) * 0.9);
    } finally {
      for (const child of children) child.kill();
    }
  });

  it("is that of one process", () => {
    const share = residentOnce([process.pid]) / residentMemory(process.pid);
    expect(share).toBeGreaterThan(0.8);
    expect(share).toBeLessThan(1.2);
  });

  it("is none after the end of a process", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    expect(residentOnce([child.pid ?? 0])).toBe(0);
  });
});
