import { BoundedMap } from "../../contracts/index.ts";

/** Upper bound of the number of finished requests whose ids are kept: log lines that come after the end still get them. */
const MAX_FINISHED = 1_000;

/** The ids that clients know finished requests by. The oldest is forgotten first. */
export class FinishedIds {
  readonly #requestIds = new BoundedMap<number, string>(MAX_FINISHED);

  add(id: number, requestId: string): void {
    this.#requestIds.set(id, requestId);
  }

  find(id: number): string | undefined {
    return this.#requestIds.get(id);
  }
}
