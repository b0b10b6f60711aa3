import { type Command, Option } from "commander";
import { type Ceiling, NarunError, parseCeiling } from "../contracts/index.ts";
import { SANDBOX_CHOICES, type SandboxChoice } from "../runtime/index.ts";
import { collect } from "./option-values.ts";

/** How a node bounds its functions and its hosts: options of `narun node`, and of what starts one. */
export interface NodeBoundsFlags {
  ceiling?: string[];
  sandbox?: string;
  hostMemoryMb?: string;
}

export interface NodeBounds {
  ceiling: Ceiling;
  sandbox: SandboxChoice;
  hostMemoryMb?: number;
}

export function addNodeBounds(command: Command): Command {
  return command
    .option(
      "--ceiling <limit=value>",
      "the most that a function's limit may be, like memoryMb=256; may be given more than once (NARUN_CEILING)",
      collect,
    )
    .addOption(
      new Option(
        "--sandbox <what>",
        "what host processes run in besides Node's permission model (NARUN_SANDBOX; default: auto)",
      ).choices(SANDBOX_CHOICES),
    )
    .option(
      "--host-memory-mb <size>",
      "memory that a host process may hold in addition to what its functions may, MB; above it the process is replaced (default: 1024)",
    );
}

/** Error: USAGE, naming what is wrong. */
export function resolveNodeBounds(flags: NodeBoundsFlags, environment = process.env): NodeBounds {
  const sandbox = flags.sandbox ?? environment.NARUN_SANDBOX ?? "auto";
  const known = SANDBOX_CHOICES.find((choice) => choice === sandbox);
  if (known === undefined) {
    const detail = `NARUN_SANDBOX takes ${SANDBOX_CHOICES.join(", ")}, not ${JSON.stringify(sandbox)}`;
    throw new NarunError("USAGE", { detail });
  }
  const hostMemoryMb =
    flags.hostMemoryMb === undefined ? {} : { hostMemoryMb: parseSize(flags.hostMemoryMb) };
  return {
    ceiling: resolveCeiling(flags.ceiling ?? [], environment.NARUN_CEILING),
    sandbox: known,
    ...hostMemoryMb,
  };
}

/** The arguments that give `narun node` these flags. */
export function nodeBoundsArguments({ ceiling = [], sandbox, hostMemoryMb }: NodeBoundsFlags): string[] {
  return [
    ...ceiling.flatMap((one) => ["--ceiling", one]),
    ...(sandbox === undefined ? [] : ["--sandbox", sandbox]),
    ...(hostMemoryMb === undefined ? [] : ["--host-memory-mb", hostMemoryMb]),
  ];
}

function resolveCeiling(given: readonly string[], environment: string | undefined): Ceiling {
  const source = given.length > 0 ? "--ceiling" : "NARUN_CEILING";
  const texts =
    given.length > 0 ? given : (environment ?? "").split(",").filter((text) => text.trim() !== "");
  return Object.fromEntries(
    texts.map((text) => {
      const parsed = parseCeiling(text);
      if (typeof parsed === "string") throw new NarunError("USAGE", { detail: `${source}: ${parsed}` });
      return [parsed.key, parsed.value];
    }),
  );
}

function parseSize(text: string): number {
  const size = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (size >= 64) return size;
  throw new NarunError("USAGE", {
    detail: `--host-memory-mb takes a number of MB from 64 on, not ${JSON.stringify(text)}`,
  });
}
