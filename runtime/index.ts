export { type Backoff, createBackoff } from "./host/backoff.ts";
export {
  type BubblewrapProbe,
  probeBubblewrap,
  SANDBOX_CHOICES,
  type SandboxChoice,
} from "./host/isolate/bubblewrap.ts";
export { checkIsolates } from "./host/isolate/check-isolates.ts";
export { type NodeRunner, type NodeRunnerOptions, startNodeRunner } from "./node-runner/node-runner.ts";
