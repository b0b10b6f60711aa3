export { type FollowedWorkflows, followWorkflows } from "./follow-workflows.ts";
