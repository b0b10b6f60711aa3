import type { StreamEnd } from "../receiver.ts";

/** Keeps how a stream ended. */
export function recordEnds() {
  const ends: StreamEnd[] = [];
  const first = Promise.withResolvers<StreamEnd>();
  return {
    ends,
    first: first.promise,
    onEnd(end: StreamEnd) {
      ends.push(end);
      first.resolve(end);
    },
  };
}
