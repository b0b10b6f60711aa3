import { expect, it } from "vitest";
import { type CallContext, createHostCalls } from "./host-calls.ts";
import { createIsolateStreams } from "./isolate-streams.ts";

function startCalls() {
  const contexts: CallContext[] = [];
  const enter = () => undefined;
  const calls = createHostCalls({
    operations: {
      "wait.forEver": (_, context) => {
        contexts.push(context);
        return new Promise<never>(() => undefined);
      },
    },
    streams: createIsolateStreams({ enter, onViolation: () => undefined }),
    enter,
    onError: () => undefined,
  });
  return { calls, contexts };
}

it("a cancelled call has an aborted signal, whether its operation asked for it before or after", () => {
  const { calls, contexts } = startCalls();
  for (const id of [1, 2, 3]) calls.call(id, "wait.forEver", [], 0);
  const [first, second, third] = contexts;
  const signal = first?.signal;
  expect(signal?.aborted).toBe(false);
  calls.cancel(1);
  calls.cancel(2);
  expect([signal?.aborted, first?.signal, second?.signal.aborted]).toEqual([true, signal, true]);
  expect(third?.signal.aborted).toBe(false);
  calls.close();
  expect(third?.signal.aborted).toBe(true);
});
