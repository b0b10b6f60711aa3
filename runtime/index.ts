export { type Backoff, createBackoff } from "./host/backoff.ts";
export { type NodeRunner, type NodeRunnerOptions, startNodeRunner } from "./node-runner/node-runner.ts";
