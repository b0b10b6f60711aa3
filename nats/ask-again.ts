/**
 * Work that a server of a cluster does not answer is begun again beside the first attempt: a server that hangs or is cut off
 * would be waited for as long as the client library waits, while another one answers by then.
 *
 * I1  The first attempt that succeeds counts; the others are let go.
 * I2  An attempt that fails for a reason that passes does not end the others. A conflict does not, either: it may be with the
 *     attempt before, whose answer is on its way.
 */
import { TimeoutError } from "@nats-io/transport-node";

export interface AskAgainOptions {
  /** Whether a failure counts only when no attempt is left. */
  isHeld(error: unknown): boolean;
  /** Whether nothing can answer now. */
  isHopeless(): boolean;
  /** Called when the first attempt is no longer alone. */
  onWait?(): void;
}

/** How long one attempt is alone. */
const ALONE_MS = 1_000;
/** Upper bound of the attempts that wait at a time. */
const MOST = 5;
/** How long after the first attempt another one may begin: an election takes up to 9 s, and more on a busy machine. */
const TRY_MS = 12_000;
/** How long the attempts that are under way by then are waited for. */
const LAST_MS = 2_000;

/** Begins work again each second, for as long as nothing answers. Rejects with the error of the last attempt that ended. */
export function askAgain<T>(
  work: () => Promise<T>,
  { isHeld, isHopeless, onWait }: AskAgainOptions,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const endsAtMs = performance.now() + TRY_MS;
  let open = 0;
  const begin = () => {
    open += 1;
    work().then(resolve, (error: unknown) => {
      open -= 1;
      if (open === 0 || !isHeld(error)) reject(error);
    });
  };
  const timer = setInterval(() => {
    onWait?.();
    if (isHopeless() || performance.now() > endsAtMs + LAST_MS) reject(new TimeoutError());
    else if (open < MOST && performance.now() < endsAtMs) begin();
  }, ALONE_MS);
  begin();
  return promise.finally(() => clearInterval(timer));
}
