import { expect, it } from "vitest";
import type { Nats } from "../nats/connection.ts";
import { NatsAnswerer } from "./nats-channel.ts";
import type { RemainingBody } from "./outgoing-exchange.ts";
import { OutgoingExchange } from "./outgoing-exchange.ts";

function ask(rest: RemainingBody | undefined) {
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
  const exchange = new OutgoingExchange({
    channel: new NatsAnswerer({ nats, answerer: "instance", presence }),
    rest,
  });
  return { exchange, isPresent: () => open > 0 };
}

const rest = { pipe: () => () => undefined, cancel: () => undefined };

it("says that it is alive while a body is on its way up, before anything of it is wanted", () => {
  const { exchange, isPresent } = ask(rest);
  expect(isPresent()).toBe(true);
  exchange.close();
  expect(isPresent()).toBe(false);
});

it.each(["close", "cancel", "breakOff"] as const)(
  "says that it is alive while an answer streams, until %s",
  (end) => {
    const { exchange, isPresent } = ask(undefined);
    expect(isPresent()).toBe(false);
    exchange.openResponse(() => undefined);
    expect(isPresent()).toBe(true);
    exchange[end]("STREAM_BROKEN");
    expect(isPresent()).toBe(false);
  },
);
