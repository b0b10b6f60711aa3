import {
  type Ceiling,
  isTakenName,
  lowerLimits,
  MAX_DESCRIPTION_BYTES,
  parseJson,
  revisionKey,
  ServiceDescriptionSchema,
  subjects,
  type Trial,
  type TrialReply,
  TrialSchema,
} from "../../contracts/index.ts";
import type { Nats, Subscription } from "../../nats/index.ts";
import type { LabelKeys } from "../host.ts";
import { answerRequests } from "./answer-requests.ts";
import type { BundleCache } from "./bundle-cache.ts";
import { checkLabels } from "./check-labels.ts";
import type { FunctionSecrets } from "./function-secrets.ts";
import type { Modes } from "./modes.ts";
import type { MountedFiles } from "./mounted-files.ts";
import type { ProgramFiles } from "./program-files.ts";
import type { Revisions } from "./revisions.ts";

export interface TrialOptions {
  nats: Nats;
  node: string;
  modes: Modes;
  revisions: Revisions;
  functionSecrets: FunctionSecrets;
  keys: LabelKeys;
  mountedFiles: MountedFiles;
  programFiles: ProgramFiles;
  cache: BundleCache;
  /** Ends the hosts that no group needs. */
  releaseUnused(): void;
  ceiling: Ceiling;
}

/**
 * Answers trials: evaluates a revision once before it goes live (contracts/demand.ts). Its bundle is on the node from then on. A second
 * request meanwhile joins the first.
 */
export function answerTrials(options: TrialOptions): Subscription {
  const underWay = new Map<string, Promise<TrialReply>>();
  const answer = (trial: Trial) => {
    const key = revisionKey(trial.function, trial.revision);
    const joined = underWay.get(key);
    if (joined !== undefined) return joined;
    const begun = answerTrial(options, trial).finally(() => underWay.delete(key));
    underWay.set(key, begun);
    return begun;
  };
  return answerRequests<Trial, TrialReply>({
    nats: options.nats,
    subject: subjects.trial(options.node),
    schema: TrialSchema,
    answer,
    refuse: (code, message) => ({ outcome: "failed", code, message }),
  });
}

/** Error: MODE_UNSUPPORTED. */
async function answerTrial(options: TrialOptions, { function: name, revision }: Trial): Promise<TrialReply> {
  const { modes, revisions, functionSecrets, mountedFiles, cache, releaseUnused, ceiling } = options;
  const manifest = await revisions.manifest(name, revision);
  const isProgram = manifest.config.mode === "exec";
  const bundle = isProgram ? new Uint8Array() : (await revisions.load(name, revision)).bundle;
  const program = isProgram ? await options.programFiles.ofRevision(manifest) : undefined;
  const config = { ...manifest.config, limits: lowerLimits(manifest.config.limits, ceiling).limits };
  const [hosts, group] = [modes.of(config), modes.groupOf(config)];
  const secrets = await functionSecrets.of(config);
  await checkLabels(options.keys, config);
  const sourceMap = await cache.get(manifest.sourceMap.sha256);
  const files = await mountedFiles.load(config);
  const order = {
    ...{ config, secrets, bundle, sourceMap },
    ...(program && { program }),
    ...(files.length > 0 && { files }),
  };
  const outcome = await hosts.use(group, (host) => host.trial(order));
  releaseUnused();
  if (outcome.ok) {
    const told = describedBy(name, outcome.description);
    if (told.outcome === "ok" && told.interface !== undefined)
      await checkLabels(options.keys, { ...config, interface: told.interface });
    return told;
  }
  const { ok: _, ...failure } = outcome;
  return { outcome: "failed", ...failure };
}

/** The description of a service is user input, and is sent to every gateway and node. */
function describedBy(name: string, description: string | undefined): TrialReply {
  if (description === undefined) return { outcome: "ok" };
  const bytes = Buffer.byteLength(description);
  const fail = (message: string): TrialReply => ({ outcome: "failed", code: "SERVICE_INVALID", message });
  if (isTakenName(name))
    return fail(`no service can have the name ${name}: the subjects below it are others'`);
  if (bytes > MAX_DESCRIPTION_BYTES)
    return fail(`the description of its actions has ${bytes} bytes; the limit is ${MAX_DESCRIPTION_BYTES}`);
  const read = parseJson(description, ServiceDescriptionSchema);
  if (read === undefined) return fail("its description has not the form of a service's");
  return { outcome: "ok", interface: read };
}
