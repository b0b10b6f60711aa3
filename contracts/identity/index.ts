export * from "./host-tags.ts";
export * from "./roles.ts";
export { kvStream, objectStream } from "./stream-rights.ts";
