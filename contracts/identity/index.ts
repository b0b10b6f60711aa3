export * from "./host-tags.ts";
export * from "./roles.ts";
