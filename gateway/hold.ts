/**
 * The requests that wait because nothing can take them yet.
 *
 * I1  A service's requests leave in the order of their arrival; one that comes back takes its old place.
 * I2  `admit` never lets the count or the bytes of a service, or of all together, pass their limits.
 * I3  `readmit` always succeeds: a request that was admitted once is never refused for want of room.
 * I4  A request is in at most one queue, and leaves it by `remove` alone.
 */
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

const MIB = 1024 * 1024;

export const defaultHoldLimits: HoldLimits = {
  maxRequestsPerService: 1_000,
  maxBytesPerService: 64 * MIB,
  maxRequests: 10_000,
  maxBytes: 256 * MIB,
};

/** What a queue needs to know of a request. `order` is unique and grows with arrival. */
export interface Holdable {
  readonly service: string;
  readonly order: number;
  readonly bytes: number;
}

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
  requests: T[];
  bytes: number;
}

export function createHold<T extends Holdable>(limits: HoldLimits): Hold<T> {
  const queues = new Map<string, Queue<T>>();
  let totalCount = 0;
  let totalBytes = 0;

  const insert = (request: T) => {
    let queue = queues.get(request.service);
    if (queue === undefined) {
      queue = { requests: [], bytes: 0 };
      queues.set(request.service, queue);
    }
    queue.requests.splice(placeOf(queue.requests, request.order), 0, request);
    queue.bytes += request.bytes;
    totalCount += 1;
    totalBytes += request.bytes;
  };

  return {
    admit(request) {
      const queue = queues.get(request.service);
      const fits =
        (queue?.requests.length ?? 0) < limits.maxRequestsPerService &&
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
      const place = placeOf(queue.requests, request.order);
      if (queue.requests[place] !== request) return;
      queue.requests.splice(place, 1);
      queue.bytes -= request.bytes;
      totalCount -= 1;
      totalBytes -= request.bytes;
      if (queue.requests.length === 0) queues.delete(request.service);
    },
    first: (service) => queues.get(service)?.requests[0],
    all: (service) => [...(queues.get(service)?.requests ?? [])],
    services: () => [...queues.keys()],
    count: (service) => queues.get(service)?.requests.length ?? 0,
  };
}

/** The first index whose request did not arrive before `order`. New requests go to the end, so that is looked at first. */
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
