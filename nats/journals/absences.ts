/**
 * The functions that workflows wait for: a mark in the stream for each function that was missing when a workflow of it was due. It
 * spares a look at all workflows of a function where none waits.
 */
import { createHeaders, stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import type { Journals } from "./journal.ts";

/** In the place of an id, and none itself. */
const MARK = "~absent";
const TIMEOUT_MS = 5_000;

export class Absences {
  readonly #nats: Nats;
  readonly #journals: Journals;

  constructor(nats: Nats, journals: Journals) {
    this.#nats = nats;
    this.#journals = journals;
  }

  async note(workflow: string): Promise<void> {
    const headers = createHeaders();
    headers.set("Nats-Rollup", ["sub"]);
    await this.#nats.request(markOf(workflow), "", { timeoutMs: TIMEOUT_MS, headers });
  }

  /** The sequence of the last mark; undefined: no workflow waits for the function. */
  async noted(workflow: string): Promise<number | undefined> {
    return (await this.#journals.lastOf(markOf(workflow)))?.seq;
  }

  /** Removes the mark of a function, unless it is newer than `seq`. */
  async forget(workflow: string, seq: number): Promise<void> {
    const filter = this.#nats.world.toWire(markOf(workflow));
    const order = JSON.stringify({ filter, seq: seq + 1 });
    await this.#nats.request(`$JS.API.STREAM.PURGE.${stores.workflows.stream}`, order, {
      timeoutMs: TIMEOUT_MS,
    });
  }
}

function markOf(workflow: string): string {
  return subjects.workflowTimer(workflow, MARK);
}
