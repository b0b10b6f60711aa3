import {
  type Ceiling,
  type FunctionSpec,
  isNarunError,
  lowerLimits,
  messageOf,
} from "../../contracts/index.ts";
import type { KeptFile, LabelKeys, StartOutcome } from "../host.ts";
import { checkLabels } from "./check-labels.ts";
import type { FunctionSecrets } from "./function-secrets.ts";
import type { LocalInstance } from "./local-instance.ts";
import type { Modes } from "./modes.ts";
import type { MountedFiles } from "./mounted-files.ts";
import type { ProgramFiles } from "./program-files.ts";
import type { Revisions } from "./revisions.ts";
import type { RunnableSpec } from "./service-programs.ts";
import type { StatusPublisher } from "./status.ts";

export interface StartParts {
  modes: Modes;
  revisions: Revisions;
  functionSecrets: FunctionSecrets;
  keys: LabelKeys;
  programFiles: ProgramFiles;
  mountedFiles: MountedFiles;
  /** The operator's upper bounds. */
  ceiling: Ceiling;
  publisher: StatusPublisher;
}

/** Gathers everything that an instance needs, and has its host start it. Never rejects. */
export async function startInstance(
  parts: StartParts,
  instance: LocalInstance,
  spec: RunnableSpec,
): Promise<StartOutcome> {
  const { modes, functionSecrets, publisher } = parts;
  try {
    const { revision, service, interface: description, ...rest } = spec;
    const { command, ...code } = await loadCode(parts, spec);
    const config = {
      ...rest,
      ...(command !== undefined && { command }),
      limits: lower(parts, instance, spec),
    };
    const secrets = await functionSecrets.of(config);
    await checkLabels(parts.keys, spec);
    const hosts = modes.of(spec);
    await hosts.pause(instance.group);
    const files = await parts.mountedFiles.load(config);
    const order = { instance: instance.id, index: instance.index, revision, config, secrets, ...code };
    return await hosts.of(instance.group).start({
      ...order,
      ...(files.length > 0 && { files }),
      ...(description && { interface: description }),
      ...(service && { isService: true }),
    });
  } catch (error) {
    const code = isNarunError(error) ? error.code : "INTERNAL";
    const message = messageOf(error);
    publisher.log("error", instance, `${code}: ${message}`);
    return { ok: false, code, message };
  }
}

const NO_BUNDLE = new Uint8Array();

/** The code of a function: a bundle, or a program's file. */
async function loadCode(
  { revisions, programFiles }: StartParts,
  { name, revision, mode, service }: RunnableSpec,
): Promise<{ bundle: Uint8Array; program?: KeptFile; command?: string }> {
  if (service !== undefined) return { bundle: NO_BUNDLE, ...(await programFiles.ofService(service)) };
  if (mode !== "exec") return { bundle: (await revisions.load(name, revision)).bundle };
  const manifest = await revisions.manifest(name, revision);
  return { bundle: NO_BUNDLE, program: await programFiles.ofRevision(manifest) };
}

/** The operator's ceiling wins; the function's log says so. */
function lower({ ceiling, publisher }: StartParts, instance: LocalInstance, spec: FunctionSpec) {
  const { limits, lowered } = lowerLimits(spec.limits, ceiling);
  const changes = lowered.map((key) => `limits.${key} is ${limits[key]}, not ${spec.limits[key]}`);
  if (lowered.length > 0) publisher.log("warn", instance, `the node allows no more: ${changes.join("; ")}`);
  return limits;
}
