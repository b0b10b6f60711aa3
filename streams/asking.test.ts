import { expect, it } from "vitest";
import type { Nats } from "../nats/connection.ts";
import type { Message } from "../nats/message.ts";
import { Asking, type AskingOptions } from "./asking.ts";

function ask(options: Partial<AskingOptions>) {
  let open = 0;
  const presence = {
    peer: "peer",
    nextToken: () => "peer-0",
    begin() {
      open += 1;
      return () => {
        open -= 1;
      };
    },
    close: () => undefined,
  };
  const nats = { publish: () => undefined } as unknown as Nats;
  const asking = new Asking({ nats, answerer: "instance", presence, rest: undefined, ...options });
  return { asking, isPresent: () => open > 0 };
}

const rest = { pipe: () => () => undefined, cancel: () => undefined };

it("says that it is alive while a body is on its way up, before anything of it is wanted", () => {
  const { asking, isPresent } = ask({ rest });
  expect(isPresent()).toBe(true);
  asking.close();
  expect(isPresent()).toBe(false);
});

it.each(["close", "cancel", "breakOff"] as const)(
  "says that it is alive while an answer streams, until %s",
  (end) => {
    const { asking, isPresent } = ask({});
    expect(isPresent()).toBe(false);
    asking.openResponse({ subject: "inbox" } as Message, () => undefined);
    expect(isPresent()).toBe(true);
    asking[end]("STREAM_BROKEN");
    expect(isPresent()).toBe(false);
  },
);
