export { createQueues, factOf, isFor, type QueueSource } from "./queues.ts";
