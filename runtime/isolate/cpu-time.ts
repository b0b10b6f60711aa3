const MICROS_PER_MS = 1_000;

/** Milliseconds of CPU time. */
export function cpuMs({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / MICROS_PER_MS;
}

/** Milliseconds of CPU time that the process has used, without the main thread. */
export function usedOffMainMs(): number {
  return cpuMs(process.cpuUsage()) - cpuMs(process.threadCpuUsage());
}
