import type { Limits } from "../../contracts/index.ts";
import type { EntryUsage } from "../isolate/process/entries.ts";

const MIB = 1024 * 1024;

const milliseconds = (ms: number) => `${Math.round(ms)} ms`;
const megabytes = (bytes: number) => `${Math.round(bytes / MIB)} MB`;

/** What the log says of a limit that was met: its key, its value, and what was used of it where that is known. */
export function limitWords({ cpuMs, memoryMb }: Pick<Limits, "cpuMs" | "memoryMb">) {
  const memoryLimit = `limits.memoryMb is ${memoryMb} MB`;
  const cpuLimit = (budgetMs: number) => {
    const raised = budgetMs > cpuMs ? `, and ${milliseconds(budgetMs)} with what its bodies add` : "";
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
      `an allocation was refused with which it would have used more than ${memoryMb} MB; ${memoryLimit}${under(stack)}`,
    nearlyFull: () =>
      `it is replaced: what requests have left in it takes more than nine tenths of its memory, WebAssembly's included; ${memoryLimit}`,
    wasmGrown: (bytes: unknown) => {
      const grown =
        typeof bytes === "number" && bytes > 0 ? `to ${megabytes(bytes)}` : "beyond what it may have";
      return `its WebAssembly memories have grown ${grown}; ${memoryLimit}`;
    },
    processGrown: (bytes: number) => `the process grew by ${megabytes(bytes)} while it ran; ${memoryLimit}`,
  };
}

/** What the log says of a request that was not answered in time, also where much of that was over when it came here. */
export function unansweredWords(
  request: { timeoutMs: number; hops: number } | undefined,
  waitMs: number,
  timeoutMs: number,
): string {
  return `no answer within ${waitMs} ms (limits.timeoutMs is ${timeoutMs} ms${before()})`;

  function before(): string {
    if (request === undefined) return "";
    const leftMs = request.timeoutMs;
    if (leftMs >= timeoutMs) return "";
    if (request.hops > 0) return `; its caller left it ${leftMs} ms`;
    return `, of which ${timeoutMs - leftMs} ms were over when it came to this instance`;
  }
}
