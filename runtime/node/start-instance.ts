import {
  type Ceiling,
  type FunctionSpec,
  isNarunError,
  lowerLimits,
  messageOf,
} from "../../contracts/index.ts";
import type { StartOutcome } from "../host.ts";
import type { FunctionSecrets } from "./function-secrets.ts";
import type { LocalInstance } from "./local-instance.ts";
import type { Modes } from "./modes.ts";
import type { Revisions } from "./revisions.ts";
import type { StatusPublisher } from "./status.ts";

export interface StartParts {
  modes: Modes;
  revisions: Revisions;
  functionSecrets: FunctionSecrets;
  /** The operator's upper bounds. */
  ceiling: Ceiling;
  publisher: StatusPublisher;
}

/** Gathers everything that an instance needs, and has its host start it. Never rejects. */
export async function startInstance(
  parts: StartParts,
  instance: LocalInstance,
  spec: FunctionSpec,
): Promise<StartOutcome> {
  const { modes, revisions, functionSecrets, publisher } = parts;
  try {
    const { bundle } = await revisions.load(spec.name, spec.revision);
    const { revision, ...rest } = spec;
    const config = { ...rest, limits: lower(parts, instance, spec) };
    const secrets = await functionSecrets.of(config);
    const hosts = modes.of(spec);
    await hosts.pause(instance.group);
    return await hosts.of(instance.group).start({ instance: instance.id, revision, config, secrets, bundle });
  } catch (error) {
    const code = isNarunError(error) ? error.code : "INTERNAL";
    const message = messageOf(error);
    publisher.log("error", instance, `${code}: ${message}`);
    return { ok: false, code, message };
  }
}

/** The operator's ceiling wins; the function's log says so. */
function lower({ ceiling, publisher }: StartParts, instance: LocalInstance, spec: FunctionSpec) {
  const { limits, lowered } = lowerLimits(spec.limits, ceiling);
  const changes = lowered.map((key) => `limits.${key} is ${limits[key]}, not ${spec.limits[key]}`);
  if (lowered.length > 0) publisher.log("warn", instance, `the node allows no more: ${changes.join("; ")}`);
  return limits;
}
