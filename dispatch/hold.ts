/**
 * The requests that wait for a target.
 *
 * I1  A service's requests leave in the order of their arrival. A request that comes back takes its old place. Requests
 *     whose bodies are still coming have a lane of their own: while both lanes wait, one of them leaves after `WHOLE_TURNS`
 *     others, so that slow bodies do not hold up the other requests.
 * I2  `admit` never lets the count or the bytes of a service, or of all together, pass their limits.
 * I3  `readmit` always succeeds: a request that was admitted once is never refused for lack of room.
 * I4  A request is in at most one queue, and leaves it by `remove` alone.
 */
import { MIB } from "../contracts/index.ts";

export interface HoldLimits {
  /** Requests that wait for one service. Default 1,000. */
  maxRequestsPerService: number;
  /** Bytes of the requests that wait for one service. Default 64 MiB. */
  maxBytesPerService: number;
  /** Requests that wait in all. Default 10,000. */
  maxRequests: number;
  /** Bytes of the requests that wait in all. Default 256 MiB. */
  maxBytes: number;
}

export const defaultHoldLimits: HoldLimits = {
  maxRequestsPerService: 1_000,
  maxBytesPerService: 64 * MIB,
  maxRequests: 10_000,
  maxBytes: 256 * MIB,
};

/** The facts of a request by which it is queued. `order` is unique and grows with arrival. */
export interface Holdable {
  readonly service: string;
  readonly order: number;
  readonly bytes: number;
  /** A part of its body is still to come. */
  readonly isStreamed: boolean;
}

/** How many whole requests leave for each request whose body is still coming. */
const WHOLE_TURNS = 8;

export interface Hold<T extends Holdable> {
  /** Queues a request; false where it would pass a limit. */
  admit(request: T): boolean;
  /** Queues a request that was admitted before, at its place by arrival. */
  readmit(request: T): void;
  remove(request: T): void;
  first(service: string): T | undefined;
  /** The requests that wait for a service, in order. */
  all(service: string): readonly T[];
  services(): string[];
  count(service: string): number;
}

interface Queue<T> {
  whole: T[];
  streamed: T[];
  bytes: number;
  /** How many whole requests have left since the last one of the other lane. */
  turns: number;
}

export function createHold<T extends Holdable>(limits: HoldLimits): Hold<T> {
  const queues = new Map<string, Queue<T>>();
  let totalCount = 0;
  let totalBytes = 0;

  const countOf = (queue: Queue<T> | undefined) =>
    queue === undefined ? 0 : queue.whole.length + queue.streamed.length;
  const insert = (request: T) => {
    let queue = queues.get(request.service);
    if (queue === undefined) {
      queue = { whole: [], streamed: [], bytes: 0, turns: 0 };
      queues.set(request.service, queue);
    }
    const lane = laneOf(queue, request);
    lane.splice(placeOf(lane, request.order), 0, request);
    queue.bytes += request.bytes;
    totalCount += 1;
    totalBytes += request.bytes;
  };

  return {
    admit(request) {
      const queue = queues.get(request.service);
      const fits =
        countOf(queue) < limits.maxRequestsPerService &&
        (queue?.bytes ?? 0) + request.bytes <= limits.maxBytesPerService &&
        totalCount < limits.maxRequests &&
        totalBytes + request.bytes <= limits.maxBytes;
      if (fits) insert(request);
      return fits;
    },
    readmit: insert,
    remove(request) {
      const queue = queues.get(request.service);
      if (queue === undefined) return;
      const lane = laneOf(queue, request);
      const place = placeOf(lane, request.order);
      if (lane[place] !== request) return;
      lane.splice(place, 1);
      queue.turns = request.isStreamed ? 0 : queue.turns + 1;
      queue.bytes -= request.bytes;
      totalCount -= 1;
      totalBytes -= request.bytes;
      if (countOf(queue) === 0) queues.delete(request.service);
    },
    first(service) {
      const queue = queues.get(service);
      if (queue === undefined) return undefined;
      const [whole] = queue.whole;
      const [streamed] = queue.streamed;
      return queue.turns >= WHOLE_TURNS ? (streamed ?? whole) : (whole ?? streamed);
    },
    all(service) {
      const { whole = [], streamed = [] } = queues.get(service) ?? {};
      return [...whole, ...streamed].sort((one, other) => one.order - other.order);
    },
    services: () => [...queues.keys()],
    count: (service) => countOf(queues.get(service)),
  };
}

function laneOf<T extends Holdable>({ whole, streamed }: Queue<T>, { isStreamed }: T): T[] {
  return isStreamed ? streamed : whole;
}

/** The first index whose request did not arrive before `order`. The search begins at the end, as new requests go there. */
function placeOf(requests: readonly Holdable[], order: number): number {
  let low = 0;
  let high = requests.length;
  if (high > 0 && (requests[high - 1]?.order ?? 0) < order) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((requests[middle]?.order ?? 0) < order) low = middle + 1;
    else high = middle;
  }
  return low;
}
