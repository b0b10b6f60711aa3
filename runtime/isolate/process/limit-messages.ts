import { type Limits, MIB } from "../../../contracts/index.ts";
import type { EntryUsage } from "./entries.ts";

const milliseconds = (ms: number) => `${Math.round(ms)} ms`;
const megabytes = (bytes: number) => `${Math.round(bytes / MIB)} MB`;

/** The log texts of limits that were exceeded: the key, its value, and the usage where it is known. */
export function limitMessages({ cpuMs, memoryMb }: Pick<Limits, "cpuMs" | "memoryMb">) {
  const memoryLimit = `limits.memoryMb is ${memoryMb} MB`;
  const cpuLimit = (budgetMs: number) => {
    const raised =
      budgetMs > cpuMs ? `, and ${milliseconds(budgetMs)} with the time that its bodies add` : "";
    return `limits.cpuMs is ${cpuMs} ms${raised}`;
  };
  const under = (stack: string) => (stack === "" ? "" : `\n${stack}`);
  return {
    looped: ({ ranMs, usedMs, budgetMs }: EntryUsage, stack: string) =>
      `it ran for ${milliseconds(ranMs)} without a pause, and used ${milliseconds(usedMs)} of CPU time in all; ${cpuLimit(budgetMs)}${under(stack)}`,
    notInterrupted: ({ ranMs, usedMs, budgetMs }: EntryUsage) =>
      `it had run for ${milliseconds(ranMs)} without a pause, and used ${milliseconds(usedMs)} of CPU time in all, and could not be interrupted; ${cpuLimit(budgetMs)}`,
    topLevel: (stretchMs: number) =>
      `the module's top level used ${milliseconds(stretchMs)} of CPU time without a pause; ${cpuLimit(cpuMs)}`,
    starved: ({ ranMs, stretchMs, budgetMs }: EntryUsage, stack: string) =>
      `it ran for ${milliseconds(ranMs)} without a pause, of which the machine gave it ${milliseconds(stretchMs)} of CPU time; ${cpuLimit(budgetMs)}${under(stack)}`,
    overdrawn: (usedMs: number, budgetMs: number) =>
      `its stretches took ${milliseconds(usedMs)} together; ${cpuLimit(budgetMs)}`,
    overMemory: (grownBytes: number | undefined) => {
      const grown =
        grownBytes === undefined ? "" : ` (the process grew by ${megabytes(grownBytes)} meanwhile)`;
      return `it used more than ${memoryMb} MB${grown}; ${memoryLimit}`;
    },
    allocationRefused: (stack: string) =>
      `an allocation was refused, as it would have used more than ${memoryMb} MB; ${memoryLimit}${under(stack)}`,
    nearlyFull: () =>
      `it is replaced: requests have left nine tenths of its memory or more in use, WebAssembly's included; ${memoryLimit}`,
    wasmGrown: (bytes: unknown) => {
      const grown = typeof bytes === "number" && bytes > 0 ? `to ${megabytes(bytes)}` : "beyond its limit";
      return `its WebAssembly memories have grown ${grown}; ${memoryLimit}`;
    },
    processGrown: (bytes: number) => `the process grew by ${megabytes(bytes)} while it ran; ${memoryLimit}`,
  };
}
