/**
 * Forms batches out of messages as they come.
 *
 * I1  A batch is due when it is full, or when its first message has waited long enough.
 * I2  A message at its last attempt is a batch of its own: if it ends its host, it takes no other message to the dead
 *     letters.
 * I3  Messages leave in the order in which they came, but for messages of I2.
 */

export interface BatchOptions<Message> {
  size: number;
  waitMs: number;
  /** Whether a message has to be alone. */
  isAlone(message: Message): boolean;
  /** A batch has become due. */
  onDue(): void;
}

export class Batches<Message> {
  readonly #options: BatchOptions<Message>;
  readonly #alone: Message[] = [];
  #forming: Message[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isDue = false;

  constructor(options: BatchOptions<Message>) {
    this.#options = options;
  }

  /** The messages that no batch has taken. */
  get waiting(): readonly Message[] {
    return [...this.#alone, ...this.#forming];
  }

  add(message: Message): void {
    const { size, waitMs, isAlone, onDue } = this.#options;
    if (isAlone(message)) this.#alone.push(message);
    else if (this.#forming.push(message) < size) {
      if (this.#forming.length === 1 && !this.#isDue) this.#timer = setTimeout(() => this.#onTime(), waitMs);
      return;
    }
    onDue();
  }

  /** The next batch that is due. */
  take(): Message[] | undefined {
    const alone = this.#alone.shift();
    if (alone !== undefined) return [alone];
    const { size } = this.#options;
    const isFull = this.#forming.length >= size;
    if (!isFull && !(this.#isDue && this.#forming.length > 0)) return undefined;
    this.#stopWaiting();
    const batch = this.#forming.splice(0, size);
    // The rest has waited for a place already.
    this.#isDue = this.#forming.length > 0;
    return batch;
  }

  /** Takes all messages out. */
  clear(): Message[] {
    this.#stopWaiting();
    return [...this.#alone.splice(0), ...this.#forming.splice(0)];
  }

  #onTime(): void {
    this.#isDue = true;
    this.#options.onDue();
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#isDue = false;
  }
}
