export { type Backoff, createBackoff } from "./host/backoff.ts";
export { SANDBOX_CHOICES, type SandboxChoice } from "./host/isolate/bubblewrap.ts";
export { checkIsolates } from "./host/isolate/check-isolates.ts";
export { type Confinement, probeConfinement } from "./host/isolate/probe-confinement.ts";
export { type NodeRunner, type NodeRunnerOptions, startNodeRunner } from "./node-runner/node-runner.ts";
