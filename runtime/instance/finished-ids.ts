/**
 * The ids that clients know finished requests by: log lines that come after the end still get them.
 *
 * I1  The newest requests of an instance are kept, as many as it needs up to `MAX_SLOTS`.
 * I2  An id is kept as bytes: a text of the request would keep all that was read with it, and outlive many collections.
 */

/** Upper bound of the number of finished requests whose ids are kept. */
const MAX_SLOTS = 1_024;
/** An instance that finishes more requests than there are slots gets this many times as many. */
const GROWTH = 4;
const FIRST_SLOTS = 16;
const SLOT_BYTES = 64;
/** Upper bound of the length of an id in a slot. A longer one is kept as it is. */
const MAX_LENGTH = SLOT_BYTES - 1;

export class FinishedIds {
  #slots = 0;
  #numbers = new Uint32Array(0);
  #bytes = Buffer.alloc(0);
  readonly #long = new Map<number, string>();

  /** `id`: the requests of an instance are numbered one after the other. */
  add(id: number, requestId: string): void {
    if (this.#slots < MAX_SLOTS && (this.#slots === 0 || this.#numbers[id % this.#slots] !== 0)) this.#grow();
    const slot = id % this.#slots;
    if (this.#long.size > 0) this.#long.delete(slot);
    this.#numbers[slot] = id;
    const length = requestId.length > MAX_LENGTH ? 0 : requestId.length;
    if (length === 0) this.#long.set(slot, requestId);
    this.#bytes[slot * SLOT_BYTES] = length;
    this.#bytes.write(requestId, slot * SLOT_BYTES + 1, length, "latin1");
  }

  find(id: number): string | undefined {
    if (this.#slots === 0) return undefined;
    const slot = id % this.#slots;
    if (this.#numbers[slot] !== id) return undefined;
    const at = slot * SLOT_BYTES;
    return this.#long.get(slot) ?? this.#bytes.toString("latin1", at + 1, at + 1 + (this.#bytes[at] ?? 0));
  }

  #grow(): void {
    const kept = [...this.#numbers].flatMap((id) => (id === 0 ? [] : [[id, this.find(id) ?? ""] as const]));
    this.#slots = this.#slots === 0 ? FIRST_SLOTS : this.#slots * GROWTH;
    this.#numbers = new Uint32Array(this.#slots);
    this.#bytes = Buffer.allocUnsafeSlow(this.#slots * SLOT_BYTES);
    this.#long.clear();
    for (const [id, requestId] of kept) this.add(id, requestId);
  }
}
