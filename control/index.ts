export type { Cleared } from "./cleared.ts";
export {
  type LetterFilter,
  type LetterOutcome,
  listLetters,
  purgeLetters,
  redriveLetters,
  showLetter,
} from "./dead-letters.ts";
export { findSealedHearers, type SealedHearer } from "./event-labels.ts";
export { type EventSubject, listEventSubjects, type Replay, replayEvents } from "./events.ts";
export { addFile, listFiles, removeFile } from "./files.ts";
export { type FunctionSummary, listFunctions } from "./functions.ts";
export { describeUrl, findGatewayUrl, functionUrl } from "./gateway-url.ts";
export { findGrpcService, type GrpcService } from "./grpc-services.ts";
export { findRunningInstances, type RunningInstance } from "./instances.ts";
export { requireKnownName } from "./known-name.ts";
export { listInstances } from "./list-instances.ts";
export { describeStatus, levelOfStatus, matchesFilter } from "./log-filter.ts";
export { requireLogs } from "./logs.ts";
export { findNodes, listNodes, type NodeSummary, takesWork } from "./nodes.ts";
export { type PauseResult, pauseService, resumeService } from "./pause.ts";
export { type DeployOptions, type DeployResult, deployProgram } from "./programs/deploy.ts";
export { openProgram, type Program } from "./programs/open-program.ts";
export { type PushOptions, type PushProgress, type PushResult, pushBuild } from "./push.ts";
export {
  listRevisions,
  type RevisionSummary,
  type RollbackResult,
  removeFunction,
  rollback,
} from "./revisions.ts";
export { type RotationResult, rotateSecretsKey } from "./rotate-secrets-key.ts";
export { listSecrets, removeSecret, setSecret } from "./secrets.ts";
export { type ServedRegistry, serveRegistry } from "./serve-registry.ts";
export {
  findInterfaces,
  graphServices,
  listServices,
  type ServiceEdge,
  type ServiceFacts,
  type ServiceSummary,
  showService,
} from "./service-registry.ts";
export { describeShadowed, findShadowedBeside, shadowedRoutesOf } from "./shadowed-routes.ts";
export { findRefusingStreams } from "./storage.ts";
export { addToolKey, listToolKeys, removeToolKey, type ToolKeySummary } from "./tool-keys.ts";
export type { WhyUntried } from "./trial.ts";
export { type ServiceEvent, watchServices } from "./watch-services.ts";
export {
  listWorkflows,
  orderWorkflow,
  removeWorkflow,
  resultOfWorkflow,
  showWorkflow,
  startWorkflow,
  type TimelineEntry,
  type WorkflowFacts,
  type WorkflowHistory,
  type WorkflowOrder,
} from "./workflows.ts";
