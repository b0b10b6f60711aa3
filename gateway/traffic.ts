import { setFlagsFromString } from "node:v8";

/**
 * Keeps memory small while large bodies pass. V8 lets the heap grow by the buffers that it has not collected yet: 1 GiB
 * in 64 KiB pieces made a gateway 35 MB larger. A bound on that growth costs half as much again for each small request,
 * so it is set only while bodies pass in bulk.
 */
export interface Traffic {
  /** Bytes of a streamed body have passed. */
  passed(bytes: number): void;
  close(): void;
}

/** More than this in a second is bulk. */
const BULK_BYTES = 2 * 1024 * 1024;
const LOOK_MS = 1_000;

/** Per cent by which the heap may grow between two collections; 0: as V8 thinks best. */
const BOUNDED_GROWTH = "--heap-growing-percent=50";
const FREE_GROWTH = "--heap-growing-percent=0";

/** `setFlag`: of V8. */
export function createTraffic(setFlag: (flag: string) => void = setFlagsFromString): Traffic {
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let isBulk = false;

  const setBulk = (next: boolean) => {
    if (next === isBulk) return;
    isBulk = next;
    setFlag(isBulk ? BOUNDED_GROWTH : FREE_GROWTH);
  };
  const look = () => {
    setBulk(bytes > BULK_BYTES);
    if (bytes === 0) close();
    bytes = 0;
  };
  const close = () => {
    clearInterval(timer);
    timer = undefined;
    setBulk(false);
  };
  return {
    passed(passedBytes) {
      bytes += passedBytes;
      if (bytes > BULK_BYTES) setBulk(true);
      timer ??= setInterval(look, LOOK_MS).unref();
    },
    close,
  };
}
