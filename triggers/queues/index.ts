export { createQueues } from "./queues.ts";
