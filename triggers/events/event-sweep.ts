/**
 * Deletes the places of durable event handlers that no service has any more. A push or a removal deletes them itself where its login
 * may; an author's may not in a closed network, and a node that reads them may have been away.
 *
 * I1  A place is deleted only by a spec that was read after the place was found: the function is gone, or its description lacks the
 *     handler. All places stay where a spec has no description, or cannot be read.
 */
import { type EventHandler, messageOf, type Spec } from "../../contracts/index.ts";
import { listEventOwners, openSpecs, removeEventConsumers } from "../../nats/index.ts";
import type { TriggerKind, TriggerParts } from "../kind.ts";

/** How long changes are gathered: a node that starts hears of all its functions at once. */
const GATHER_MS = 2_000;

export class EventSweep implements Pick<TriggerKind, "onSpec"> {
  readonly #parts: Pick<TriggerParts, "nats" | "log">;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: Pick<TriggerParts, "nats" | "log">) {
    this.#parts = parts;
    this.#plan();
  }

  onSpec(): void {
    this.#plan();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #plan(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sweep().catch((error: unknown) => {
        // The next change, or the next start of a node, tries again.
        this.#parts.log.debug?.(
          { error: messageOf(error) },
          "places of event handlers were not looked through",
        );
      });
    }, GATHER_MS).unref();
  }

  async #sweep(): Promise<void> {
    const { nats, log } = this.#parts;
    const owners = await listEventOwners(nats);
    if (owners.size === 0) return;
    const specs = await openSpecs(nats);
    for (const owner of owners) {
      const read = await specs.get(owner);
      const kept = keptBy(read === undefined ? "gone" : read.ok ? read.value : undefined);
      if (kept === undefined || this.#isClosed) continue;
      const count = await removeEventConsumers(nats, owner, kept);
      if (count > 0) log.info({ function: owner, count }, "places of former event handlers were deleted");
    }
  }
}

/** The handlers that keep their places. Undefined: all do. */
function keptBy(spec: Spec | "gone" | undefined): readonly EventHandler[] | undefined {
  if (spec === "gone") return [];
  return spec?.kind === "function" ? spec.spec.interface?.events : undefined;
}
