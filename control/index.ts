export { describeUrl, findGatewayUrl, functionUrl } from "./gateway-url.ts";
export { findRunningInstances, type RunningInstance } from "./instances.ts";
export { findNodes, type KnownNode, takesWork } from "./nodes.ts";
export { type PushOptions, type PushProgress, type PushResult, pushBuild } from "./push.ts";
export {
  listRevisions,
  type RevisionSummary,
  type RollbackResult,
  removeFunction,
  rollback,
} from "./revisions.ts";
export { describeShadowed, findShadowedBeside, shadowedRoutesOf } from "./shadowed-routes.ts";
export type { WhyUntried } from "./trial.ts";
