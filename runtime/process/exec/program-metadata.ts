import { type FunctionConfig, WORLD_KEY } from "../../../contracts/index.ts";

export interface ProgramFacts {
  world: string;
  node: string;
  config: FunctionConfig;
  instance: string;
  revision: string;
  /** The limits that are in force, for people. */
  inForce: readonly string[];
}

/** narun's facts of a program, which go into its answers to discovery. */
export function metadataOf({
  world,
  node,
  config,
  instance,
  revision,
  inForce,
}: ProgramFacts): Record<string, string> {
  return {
    "narun.function": config.name,
    "narun.instance": instance,
    "narun.node": node,
    "narun.revision": revision,
    "narun.mode": config.mode,
    "narun.concurrency": String(config.scale.concurrency),
    ...(inForce.length === 0 ? {} : { "narun.limits": inForce.join("; ") }),
    [WORLD_KEY]: world,
  };
}
