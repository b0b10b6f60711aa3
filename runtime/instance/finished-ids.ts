/** Upper bound of the number of finished requests whose ids are kept: log lines that come after the end still get them. */
const MAX_FINISHED = 1_000;

/** The ids that clients know finished requests by. The oldest is forgotten first. */
export class FinishedIds {
  readonly #requestIds = new Map<number, string>();

  add(id: number, requestId: string): void {
    if (this.#requestIds.size >= MAX_FINISHED)
      this.#requestIds.delete(this.#requestIds.keys().next().value ?? 0);
    this.#requestIds.set(id, requestId);
  }

  find(id: number): string | undefined {
    return this.#requestIds.get(id);
  }
}
