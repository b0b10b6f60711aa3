import type { Limits } from "../../../../contracts/index.ts";

const MIB = 1024 * 1024;

/** What the log says of a limit that was met: its key, its value, and what was used of it where that is known. */
export function limitWords({ cpuMs, memoryMb }: Pick<Limits, "cpuMs" | "memoryMb">) {
  const memory = `limits.memoryMb (${memoryMb} MB)`;
  return {
    looped: (stack: string) =>
      `it ran for limits.cpuMs (${cpuMs} ms) without a pause${stack === "" ? "" : `\n${stack}`}`,
    notInterrupted: () => `it ran for limits.cpuMs (${cpuMs} ms), and could not be interrupted at once`,
    overdrawn: (usedMs: number) =>
      `its stretches took ${Math.round(usedMs)} ms together; limits.cpuMs is ${cpuMs} ms`,
    overMemory: () => `it used more than ${memory}`,
    allocationRefused: (stack: string) => `an allocation beyond ${memory} was refused\n${stack}`,
    wasmGrown: () => `its WebAssembly memories have grown beyond ${memory}`,
    processGrown: (bytes: number) =>
      `the process grew by ${Math.round(bytes / MIB)} MB while it ran; limits.memoryMb is ${memoryMb} MB`,
  };
}
