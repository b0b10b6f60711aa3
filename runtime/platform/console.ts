import { format } from "node-inspect-extracted";
import { PostOp } from "./boundary.ts";
import { postToHost } from "./host-link.ts";

/** The request that log lines belong to: known while its handler starts, and as long as it is the only one. */
let currentRequest = 0;

export function setCurrentRequest(id: number): void {
  currentRequest = id;
}

const writer =
  (level: string) =>
  (...values: unknown[]) => {
    postToHost(PostOp.log, level, format(...values), currentRequest);
  };

/** `console`: one log line a call, formatted as Node does it. */
export const console = {
  debug: writer("debug"),
  log: writer("info"),
  info: writer("info"),
  warn: writer("warn"),
  error: writer("error"),
};
