/**
 * Gives the memory of a host's start back, trials of a first push included: once, when the host is quiet, without an instance
 * and without an order since the last look. No request waits for the collection then. The code stays, as a cold request would
 * wait until it is compiled again.
 */
import { releaseMemory } from "../../../machine/index.ts";

export class QuietMemory {
  readonly #release: () => void;
  #isReleased = false;
  /** Whether there was work since the last look. The start of the host is work. */
  #hasWorked = true;

  constructor(release: () => void = () => releaseMemory({ keepsCode: true })) {
    this.#release = release;
  }

  /** An order came. */
  note(): void {
    this.#hasWorked = true;
  }

  /** To be called at intervals. `isBusy`: an instance runs, or an order is under way. */
  look(isBusy: boolean): void {
    const isQuiet = !isBusy && !this.#hasWorked;
    this.#hasWorked = isBusy;
    if (!isQuiet || this.#isReleased) return;
    this.#isReleased = true;
    this.#release();
  }
}
