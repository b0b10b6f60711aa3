export { type NodeRunner, type NodeRunnerOptions, startNodeRunner } from "./node-runner/node-runner.ts";
