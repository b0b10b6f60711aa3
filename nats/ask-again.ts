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
}

/** How long one attempt is alone. */
const ALONE_MS = 1_000;
/** Upper bound of the attempts that wait at a time. */
const MOST = 5;
/** How long after the first attempt another one may begin: an election takes so long at most. */
const TRY_MS = 9_000;

/** Begins work again each second, for as long as nothing answers. Rejects with the error of the last attempt that ended. */
export function askAgain<T>(work: () => Promise<T>, { isHeld, isHopeless }: AskAgainOptions): Promise<T> {
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
    if (isHopeless()) reject(new TimeoutError());
    else if (open < MOST && performance.now() < endsAtMs) begin();
  }, ALONE_MS);
  begin();
  return promise.finally(() => clearInterval(timer));
}
