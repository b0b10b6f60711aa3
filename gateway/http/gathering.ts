/**
 * Bodies that come slowly and wait in the gateway until they are whole: they have no place at an instance yet.
 *
 * I1  Their number and bytes never pass the limits of one service and of all services.
 * I2  Without room the slowest give way: an eighth of the bodies behind their pace is ended with BODY_TOO_SLOW. If
 *     none is behind, the newcomer is refused with HOLD_QUEUE_FULL.
 */
import type { ErrorCode } from "../../contracts/index.ts";
import type { HoldLimits } from "../../dispatch/index.ts";
import { Pace } from "../../streams/index.ts";

export interface Gathering {
  /** A body begins to wait. `refuse` is called at most once, after the body has left. */
  join(service: string, refuse: (code: ErrorCode) => void): GatheredBody;
}

export interface GatheredBody {
  /** More bytes came. */
  add(bytes: number): void;
  /** The body is whole, or gone. */
  leave(): void;
}

interface Entry {
  readonly service: string;
  readonly pace: Pace;
  bytes: number;
  refuse(code: ErrorCode): void;
}

/** The bodies of one service, or all. */
interface Crowd {
  readonly entries: Set<Entry>;
  bytes: number;
}

/** How far a body may be behind before it gives way. */
const PATIENCE_MS = 250;

export function createGathering(limits: HoldLimits): Gathering {
  const all: Crowd = { entries: new Set(), bytes: 0 };
  const byService = new Map<string, Crowd>();

  const leave = (entry: Entry) => {
    if (!all.entries.delete(entry)) return;
    all.bytes -= entry.bytes;
    const crowd = byService.get(entry.service);
    if (crowd === undefined) return;
    crowd.entries.delete(entry);
    crowd.bytes -= entry.bytes;
    if (crowd.entries.size === 0) byService.delete(entry.service);
  };
  const refuse = (entry: Entry, code: ErrorCode) => {
    leave(entry);
    entry.refuse(code);
  };
  /** Keeps the crowd within its limits; false where `asking` had to leave for that. */
  const makeRoom = (crowd: Crowd, maxRequests: number, maxBytes: number, asking: Entry) => {
    while (crowd.entries.size > maxRequests || crowd.bytes > maxBytes) {
      const slow = slowestFirst(crowd.entries);
      if (slow.length === 0) refuse(asking, "HOLD_QUEUE_FULL");
      for (const entry of slow.slice(0, Math.ceil(slow.length / 8))) refuse(entry, "BODY_TOO_SLOW");
      if (!all.entries.has(asking)) return false;
    }
    return true;
  };
  const settle = (crowd: Crowd, asking: Entry) => {
    const { maxRequestsPerService, maxBytesPerService, maxRequests, maxBytes } = limits;
    if (makeRoom(crowd, maxRequestsPerService, maxBytesPerService, asking))
      makeRoom(all, maxRequests, maxBytes, asking);
  };

  return {
    join(service, onRefused) {
      const entry: Entry = { service, pace: new Pace(), bytes: 0, refuse: onRefused };
      const crowd = byService.get(service) ?? { entries: new Set(), bytes: 0 };
      byService.set(service, crowd);
      crowd.entries.add(entry);
      all.entries.add(entry);
      entry.pace.await();
      settle(crowd, entry);
      return {
        add(bytes) {
          if (!all.entries.has(entry)) return;
          entry.pace.arrived(bytes);
          entry.pace.await();
          entry.bytes += bytes;
          crowd.bytes += bytes;
          all.bytes += bytes;
          settle(crowd, entry);
        },
        leave: () => leave(entry),
      };
    },
  };
}

function slowestFirst(entries: Iterable<Entry>): Entry[] {
  return [...entries]
    .map((entry) => ({ entry, behindMs: entry.pace.behindMs }))
    .filter(({ behindMs }) => behindMs > PATIENCE_MS)
    .sort((one, other) => other.behindMs - one.behindMs)
    .map(({ entry }) => entry);
}
