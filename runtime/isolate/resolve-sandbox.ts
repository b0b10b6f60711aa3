import { type Ceiling, NarunError } from "../../contracts/index.ts";
import { probeBubblewrap, type SandboxChoice } from "./bubblewrap.ts";
import type { HostSandbox } from "./spawn-host.ts";

/** The confinement of the hosts of a node. Error: USAGE, where the chosen one does not work on this machine. */
export async function resolveSandbox(
  choice: SandboxChoice,
  ceiling: Ceiling,
  searchPath: string | undefined,
): Promise<HostSandbox> {
  const { memoryMb: maxMemoryMb } = ceiling;
  if (choice === "none") return { bubblewrap: undefined, maxMemoryMb };
  const probe = await probeBubblewrap(searchPath);
  if (probe.path !== undefined || choice === "auto") return { bubblewrap: probe.path, maxMemoryMb };
  throw new NarunError("USAGE", { detail: `--sandbox bubblewrap does not work here: ${probe.reason}` });
}
