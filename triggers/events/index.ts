export { createDurableEvents } from "./durable-events.ts";
export { createEachEvents } from "./each-events.ts";
export { createHeardEvents } from "./heard-events.ts";
