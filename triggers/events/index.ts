export { createDurableEvents } from "./durable-events.ts";
export { createHeardEvents } from "./heard-events.ts";
