/**
 * Tells the gateways how many requests an instance has, while these are more than it should have: each gateway sees its own
 * requests alone, and none sees the calls of functions and of other clients.
 */
export interface LoadTellerOptions {
  /** Upper bound of the requests that are not told of. */
  target: number;
  /** Counts the requests that wait for an answer. */
  count(): number;
  announce(load: number): void;
}

/** How long a word counts at the gateways: the next one comes before. */
const TELL_MS = 250;

export class LoadTeller {
  readonly #options: LoadTellerOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadTellerOptions) {
    this.#options = options;
  }

  /** A request was taken, and so many are open, with those whose answers stream. */
  taken(open: number): void {
    if (open > this.#options.target && this.#timer === undefined) this.#look();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const load = this.#options.count();
    const isBusy = load > this.#options.target;
    if (isBusy) this.#options.announce(load);
    // Open streams are no load. They are not counted at each request.
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (isBusy) this.#look();
    }, TELL_MS);
  }
}
