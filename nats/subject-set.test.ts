import { expect, it } from "vitest";
import { startTestNats } from "../test/harness/nats.ts";
import { connectNats } from "./connection.ts";
import { describeSubjectSet } from "./testing/subject-set-suite.ts";

describeSubjectSet("own");

it("an error of the handler is told with its subject, and ends nothing", async () => {
  const errors: string[] = [];
  await using closers = new AsyncDisposableStack();
  const server = await startTestNats();
  closers.defer(() => server.close());
  const nats = await connectNats({
    url: server.url,
    name: "faulty",
    onHandlerError: (error, subject) => errors.push(`${subject}: ${error}`),
  });
  closers.defer(() => nats.close());
  const set = nats.openSubjects("q", (message) => {
    if (message.text() === "throw") throw new Error("a fault");
    message.respond("fine");
  });
  set.add("faulty");
  nats.publish("faulty", "throw");
  expect((await nats.request("faulty", "", { timeoutMs: 5_000 })).text()).toBe("fine");
  expect(errors).toEqual(["faulty: Error: a fault"]);
});
