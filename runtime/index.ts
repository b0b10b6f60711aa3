export { SANDBOX_CHOICES, type SandboxChoice } from "./isolate/bubblewrap.ts";
export { checkIsolates } from "./isolate/check-isolates.ts";
export { createScriptEngine, type EntryOutcome, type ScriptSandbox } from "./isolate/engine.ts";
export { loadSnapshot } from "./isolate/image/snapshot.ts";
export { createOperations } from "./isolate/operations/operations.ts";
export { type Confinement, probeConfinement } from "./isolate/probe-confinement.ts";
export type { HostOperations } from "./isolate/process/host-calls.ts";
export { createIsolateLink } from "./isolate/process/isolate-link.ts";
export { type NodeRunner, type NodeRunnerOptions, startNodeRunner } from "./node/node-runner.ts";
