/** The bytes that a sender may still send. Deno runs this file, too: it imports nothing. */
export class Credit {
  #bytes = 0;
  #wake: (() => void) | undefined;
  #isOver = false;

  /** Resolves with the number of bytes, at most `wanted`, that may go; with 0 when the stream is over. */
  async take(wanted: number): Promise<number> {
    while (this.#bytes === 0 && !this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#isOver) return 0;
    const taken = Math.min(wanted, this.#bytes);
    this.#bytes -= taken;
    return taken;
  }

  grant(bytes: number): void {
    this.#bytes += bytes;
    this.#wake?.();
  }

  /** Nothing more may go. */
  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }
}
