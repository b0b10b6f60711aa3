/**
 * Whether the other ends of streams are alive: a dead peer cannot cancel.
 *
 * I1  A followed peer that is silent for `PEER_LOST_MS` is lost: each follower is told once.
 * I2  Without followers there is no subscription and no timer.
 * I3  Silence counts only while this process can hear: not while its own thread stood still.
 */
import { PEER_HEARTBEAT_MS, PEER_LOST_MS, subjects } from "../contracts/index.ts";
import type { Nats, Subscription } from "../nats/index.ts";

export interface Peers {
  /** Calls back when the peer is lost; returns the function that ends it. */
  follow(peer: string, onLost: () => void): () => void;
  close(): void;
}

interface Followed {
  lastSeenMs: number;
  followers: Set<() => void>;
}

export function createPeers(nats: Nats): Peers {
  const followed = new Map<string, Followed>();
  let subscription: Subscription | undefined;
  let timer: NodeJS.Timeout | undefined;

  let lookedAtMs = 0;

  const look = () => {
    const nowMs = performance.now();
    const elapsedMs = nowMs - lookedAtMs;
    lookedAtMs = nowMs;
    // A late timer means that heartbeats, too, may still lie unread in the socket.
    if (elapsedMs > 2 * PEER_HEARTBEAT_MS) for (const peer of followed.values()) peer.lastSeenMs += elapsedMs;
    for (const [peer, { lastSeenMs, followers }] of followed) {
      // While NATS is away no peer can be heard: the reconnect ends the open streams (incoming-exchange.ts).
      if (nats.state !== "connected" || nowMs - lastSeenMs < PEER_LOST_MS) continue;
      followed.delete(peer);
      for (const onLost of followers) onLost();
    }
    rest();
  };
  const watch = () => {
    if (subscription !== undefined) return;
    subscription = nats.subscribe(subjects.peerHeartbeatsAll, ({ subject }) => {
      const peer = followed.get(subject.slice(subjects.peerHeartbeat("").length));
      if (peer !== undefined) peer.lastSeenMs = performance.now();
    });
    lookedAtMs = performance.now();
    timer = setInterval(look, PEER_HEARTBEAT_MS);
  };
  const rest = () => {
    if (followed.size > 0) return;
    clearInterval(timer);
    subscription?.unsubscribe();
    subscription = undefined;
  };

  return {
    follow(peer, onLost) {
      const entry = followed.get(peer) ?? { lastSeenMs: performance.now(), followers: new Set() };
      // Each follower is an entry of its own, though two may be the same function.
      const follower = () => onLost();
      entry.followers.add(follower);
      followed.set(peer, entry);
      watch();
      return () => {
        entry.followers.delete(follower);
        // The subscription stays for the rest of the interval: most requests are short, and another comes soon.
        if (entry.followers.size === 0 && followed.get(peer) === entry) followed.delete(peer);
      };
    },
    close() {
      followed.clear();
      rest();
    },
  };
}
