export { CallRunners } from "./call-runners.ts";
