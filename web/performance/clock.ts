/**
 * The time since the isolate started, which never goes back. V8 has only the wall clock, which may be set back: in whole
 * milliseconds (`Date`) or finer (`Temporal`).
 *
 * I1  When the wall clock is set back, the shown time continues from its last value.
 * I2  `Temporal` is not used before code measures time: its first use costs an isolate 170 KB and 0.2 ms.
 */
type Clock = () => number;

let origin = 0;
/** The last time of the wall clock, and the sum of its setbacks since the start. */
let latest = 0;
let setBack = 0;
let readClock: Clock = Date.now;
let isFine = false;

/** The resolution of browsers for isolated contexts. */
const STEPS_PER_MS = 200;
const NANOS_PER_MS = 1_000_000;

/** Starts the clock with the isolate. The time at which the snapshot was made does not count. */
export function startClock(): void {
  origin = Date.now();
  latest = origin;
}

/** Milliseconds since the epoch at which the isolate started. */
export function timeOrigin(): number {
  if (origin === 0) startClock();
  return origin;
}

/** Milliseconds since the origin, never less than the last time. */
export function elapsedMs(): number {
  if (!isFine) {
    isFine = true;
    readClock = fineClock() ?? readClock;
  }
  return timeStamp();
}

/** Like `elapsedMs`, for times that are rarely read: in whole milliseconds until code measures time. */
export function timeStamp(): number {
  const start = timeOrigin();
  const now = readClock();
  if (now < latest) setBack += latest - now;
  latest = now;
  return Math.floor((now - start + setBack) * STEPS_PER_MS) / STEPS_PER_MS;
}

/** Undefined if user code has removed `Temporal`. */
function fineClock(): Clock | undefined {
  try {
    const { Instant, Now } = Temporal;
    const { instant } = Now;
    const nanos = Object.getOwnPropertyDescriptor(Instant.prototype, "epochNanoseconds")?.get as (
      this: Temporal.Instant,
    ) => bigint;
    const read: Clock = () => Number(Reflect.apply(nanos, instant(), [])) / NANOS_PER_MS;
    return read() > 0 ? read : undefined;
  } catch {
    return undefined;
  }
}
