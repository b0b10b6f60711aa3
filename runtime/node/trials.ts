import {
  type Ceiling,
  lowerLimits,
  subjects,
  type Trial,
  type TrialReply,
  TrialSchema,
} from "../../contracts/index.ts";
import type { Nats, Subscription } from "../../nats/index.ts";
import { answerRequests } from "./answer-requests.ts";
import type { BundleCache } from "./bundle-cache.ts";
import type { FunctionSecrets } from "./function-secrets.ts";
import type { Hosts } from "./hosts.ts";
import type { Revisions } from "./revisions.ts";
import type { Suspects } from "./suspects.ts";

export interface TrialOptions {
  nats: Nats;
  node: string;
  hosts: Hosts;
  groupOf: Suspects["groupOf"];
  revisions: Revisions;
  functionSecrets: FunctionSecrets;
  cache: BundleCache;
  /** Ends a trust group's host that nothing runs on. */
  releaseUnused(group: string): void;
  ceiling: Ceiling;
}

/** Answers trials: evaluates a revision once before it goes live (contracts/demand.ts). Its bundle is on the node from then on. */
export function answerTrials({
  nats,
  node,
  hosts,
  groupOf,
  revisions,
  functionSecrets,
  cache,
  releaseUnused,
  ceiling,
}: TrialOptions): Subscription {
  return answerRequests<Trial, TrialReply>({
    nats,
    subject: subjects.trial(node),
    schema: TrialSchema,
    async answer({ function: name, revision }) {
      const { manifest, bundle } = await revisions.load(name, revision);
      const config = { ...manifest.config, limits: lowerLimits(manifest.config.limits, ceiling).limits };
      const group = groupOf(config.trust, name);
      if (config.mode !== "isolate") {
        return {
          outcome: "failed",
          code: "MODE_UNSUPPORTED",
          message: `this node does not run mode ${config.mode}`,
        };
      }
      const secrets = await functionSecrets.of(config);
      const sourceMap = await cache.get(manifest.sourceMap.sha256);
      const outcome = await hosts.use(group, (host) => host.trial({ config, secrets, bundle, sourceMap }));
      releaseUnused(group);
      if (outcome.ok) return { outcome: "ok" };
      const { ok: _, ...failure } = outcome;
      return { outcome: "failed", ...failure };
    },
    refuse: (code, message) => ({ outcome: "failed", code, message }),
  });
}
