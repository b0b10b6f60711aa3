import { createHostLinks, type LocalRequest, listenLocal } from "../../local/index.ts";
import { type RecordedReplies, recordReplies } from "../../local/testing/record-replies.ts";
import { eventually } from "../harness/eventually.ts";
import { HONEST } from "./strict-replies.ts";

/** A host that keeps its requests until it is told to answer. */
export interface HonestHost {
  /** The numbers of its requests under way. */
  underWay(): readonly [number, ...number[]];
  /** Answers its requests, and gets new ones. Rejects where a request got anything else than its own answer. */
  answerAll(): Promise<void>;
  close(): Promise<void>;
}

const INSTANCE = 3;
const REQUEST = { instance: INSTANCE, flags: 1, hops: 0, timeoutMs: 1_000, head: "GET\n", body: undefined };

export async function startHonestHost(
  path: string,
  machine: string,
  nextNumber: () => number,
): Promise<HonestHost> {
  const warnings: string[] = [];
  const warn = (_fields: object, message: string) => warnings.push(message);
  const server = await listenLocal({ path, machine, world: "w", warn });
  const came = new Map<number, LocalRequest>();
  server.register(INSTANCE, (request) => came.set(request.number, request));
  const links = createHostLinks({ world: "w", prefix: "x.", peer: "p", warn });
  const link = links.hold({ machine, path, number: INSTANCE });
  await eventually(() => {
    if (!link.isOpen) throw new Error("the honest host is not connected");
  });
  let sent: readonly [Sent, ...Sent[]];
  const send = (): Sent => {
    const one = { number: nextNumber(), replies: recordReplies() };
    link.request(one.number, REQUEST, one.replies);
    return one;
  };
  const sendAll = () => {
    sent = [send(), send(), send()];
  };
  sendAll();
  return {
    underWay: () => [sent[0].number, ...sent.slice(1).map(({ number }) => number)],
    async answerAll() {
      const before = sent;
      sendAll();
      for (const { number, replies } of before) {
        const request = await eventually(() => {
          const found = came.get(number);
          if (found === undefined) throw new Error(`request ${number} did not come to the honest host`);
          return found;
        });
        came.delete(number);
        request.respond(200, "", `${HONEST} ${number}`);
        const events = JSON.stringify(await replies.over);
        if (events !== JSON.stringify([["response", 200, "", `${HONEST} ${number}`]]))
          throw new Error(`request ${number} of the honest host got ${events}`);
      }
      if (warnings.length > 0) throw new Error(warnings.join("; "));
    },
    async close() {
      links.close();
      await server.close();
    },
  };
}

interface Sent {
  number: number;
  replies: RecordedReplies;
}
