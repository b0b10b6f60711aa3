export { type Backoff, createBackoff } from "./host/backoff.ts";
export { checkIsolates } from "./host/isolate/check-isolates.ts";
export { type NodeRunner, type NodeRunnerOptions, startNodeRunner } from "./node-runner/node-runner.ts";
