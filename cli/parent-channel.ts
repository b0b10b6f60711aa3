/**
 * The channel to the process that started this one: `narun up` of its node, a gateway of its workers.
 *
 * I1  The parent may end while this process starts, before anything listens to the channel. Node reports that end once.
 */

/** Whether a narun process started this one. */
export function hasParent(): boolean {
  return process.send !== undefined;
}

/** Sends a message. Nothing where there is no parent, or it has ended. */
export function tellParent(message: object): void {
  // Without a callback Node raises a failed write as an error of the process.
  if (process.connected) process.send?.(message, () => undefined);
}

/** Resolves when the parent has closed the channel, or has ended. Never without a parent. */
export function untilOrphaned(): Promise<void> {
  return new Promise((resolve) => {
    process.once("disconnect", resolve);
    if (hasParent() && !process.connected) resolve();
  });
}
