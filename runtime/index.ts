export { type Backoff, createBackoff } from "../machine/backoff.ts";
export { SANDBOX_CHOICES, type SandboxChoice } from "./isolate/bubblewrap.ts";
export { checkIsolates } from "./isolate/check-isolates.ts";
export { type Confinement, probeConfinement } from "./isolate/probe-confinement.ts";
export { type NodeRunner, type NodeRunnerOptions, startNodeRunner } from "./node/node-runner.ts";
