import { PEER_HEARTBEAT_MS, streamToken, subjects } from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";

/**
 * Tells the other ends of this asker's streams that it is alive: once a second, while there is a stream. A dead asker
 * cannot cancel its streams (peers.ts is the other side).
 */
export interface StreamPresence {
  /** Names the asker in the tokens of its exchanges. */
  readonly peer: string;
  /** A token for one more exchange. */
  nextToken(): string;
  /** A stream begins; returns the function that ends it. */
  begin(): () => void;
  close(): void;
}

export function createStreamPresence(nats: Nats): StreamPresence {
  const peer = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  let open = 0;
  let exchanges = 0;
  let timer: NodeJS.Timeout | undefined;
  const beat = () => {
    if (nats.state === "connected") nats.publish(subjects.peerHeartbeat(peer), "");
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    peer,
    nextToken: () => streamToken(peer, exchanges++),
    begin() {
      open += 1;
      timer ??= setInterval(beat, PEER_HEARTBEAT_MS);
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        open -= 1;
        if (open === 0) stop();
      };
    },
    close: stop,
  };
}
