import { PEER_HEARTBEAT_MS, subjects } from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";

/**
 * Says that this gateway is alive, to those who stream to it: once a second, while there is a stream. One that dies
 * cannot cancel its streams.
 */
export interface StreamPresence {
  /** Names the gateway in the tokens of its exchanges. */
  readonly peer: string;
  /** A stream begins; returns what says that it ended. */
  begin(): () => void;
  close(): void;
}

export function createStreamPresence(nats: Nats): StreamPresence {
  const peer = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  let open = 0;
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
