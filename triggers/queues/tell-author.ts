import { type ErrorCode, errorEntry, type LogLine, subjects } from "../../contracts/index.ts";
import type { TriggerParts } from "../kind.ts";
import type { ReaderState } from "./queue-reader.ts";

/** A consumer, for people. */
export interface ConsumerFacts {
  function: string;
  stream: string;
  consumer: string;
}

/** Why a consumer cannot be read; undefined where it can. */
function problemOf(
  { stream, consumer }: ConsumerFacts,
  state: ReaderState,
): { code: ErrorCode; detail: string } | undefined {
  switch (state.kind) {
    case "stream-missing":
      return { code: "QUEUE_STREAM_MISSING", detail: `there is no stream ${stream}` };
    case "foreign": {
      const owner = state.owner === undefined ? "no function" : `the function ${state.owner}`;
      return {
        code: "QUEUE_CONSUMER_TAKEN",
        detail: `${consumer} of ${stream} belongs to ${owner} of this system`,
      };
    }
    case "refused":
      return { code: "QUEUE_CONSUMER_REFUSED", detail: `${consumer} of ${stream}: ${state.reason}` };
    case "starting":
    case "closed":
    case "ready":
      return undefined;
  }
}

/** Writes a line to the function's log, where its author looks, and to the node's. */
export function tellAuthor(
  { nats, node, log }: TriggerParts,
  facts: ConsumerFacts,
  state: ReaderState,
): void {
  const problem = problemOf(facts, state);
  if (problem === undefined) return;
  const { code, detail } = problem;
  const { title, solve } = errorEntry(code);
  log.info({ ...facts, code, detail }, "a queue cannot be read");
  const line: LogLine = {
    ...{ instance_id: `queue-${facts.stream}`, app_name: facts.function, node_id: node },
    ...{ stream: "stderr", level: "error", message: `${code}: ${title}: ${detail}. ${solve}` },
    timestamp: new Date().toISOString(),
    world: nats.world.id,
  };
  nats.publish(subjects.log(facts.function, node), JSON.stringify(line));
}
