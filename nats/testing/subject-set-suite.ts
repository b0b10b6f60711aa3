import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";
import { NoReplyError } from "../request.ts";
import type { SubjectSet } from "../subject-set.ts";
import type { NatsTransport } from "../transport/wire.ts";

/** The tests of a set, on a transport. All connections of a process have the same one. */
export function describeSubjectSet(transport: NatsTransport): void {
  describe(`a set of subjects on the ${transport} transport`, () => {
    let server: TestNats;
    let nats: Nats;
    let client: Nats;
    let set: SubjectSet;
    beforeAll(async () => {
      server = await startTestNats();
      nats = await connectNats({ url: server.url, name: "set", transport });
      client = await connectNats({ url: server.url, name: "client", transport });
      set = nats.openSubjects("q", (message) => {
        if (message.text() === "throw") throw new Error("a handler's fault");
        message.respond(`${message.subject} ${message.text()}`);
      });
    });
    afterAll(async () => {
      await client.close();
      await nats.close();
      await server.close();
    });
    const ask = async (subject: string, data = "x") =>
      (await client.request(subject, data, { timeoutMs: 5_000 })).text();

    it("takes the messages of each subject, and of none that was removed", async () => {
      for (const subject of ["a", "b", "č.ž"]) set.add(subject);
      set.add("a");
      expect([set.size, set.has("b"), set.has("c")]).toEqual([3, true, false]);
      await nats.flush();
      expect(await Promise.all(["a", "b", "č.ž"].map((subject) => ask(subject)))).toEqual([
        "a x",
        "b x",
        "č.ž x",
      ]);
      set.delete("b");
      await nats.flush();
      await expect(ask("b")).rejects.toThrow(NoReplyError);
      set.add("b");
      await nats.flush();
      expect(await ask("b")).toBe("b x");
    });

    it("hands over what the server sent before it heard of the removal", async () => {
      set.add("late");
      await nats.flush();
      const asked = ask("late");
      await client.flush();
      set.delete("late");
      expect(await asked).toBe("late x");
    });

    it("shares a queue group with other subscribers", async () => {
      const other = client.subscribe("a", (message) => message.respond("other"), { queue: "q" });
      await client.flush();
      const answers = await Promise.all(Array.from({ length: 40 }, () => ask("a")));
      expect(new Set(answers)).toEqual(new Set(["a x", "other"]));
      other.unsubscribe();
    });

    it("is there again after a break", async () => {
      await nats.connection.reconnect();
      await eventually(async () => expect(await ask("a")).toBe("a x"));
      expect(await ask("b")).toBe("b x");
    });

    it("ends with all its subjects", async () => {
      set.close();
      await nats.flush();
      await expect(ask("a")).rejects.toMatchObject({ reason: "no-responders" });
    });
  });
}
